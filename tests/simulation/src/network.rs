//! Between the clients and the remotes: requests wait here until the day delivers them, and answers until a client
//! looks. Nothing here knows real time.

use async_trait::async_trait;
use remote::http::{Transport, TransportFailure, Wait};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

/// How a request ended for its client.
pub type Outcome = Result<http::Response<Vec<u8>>, TransportFailure>;

/// A request on its way.
#[derive(Debug)]
pub struct Sent {
    /// Its number.
    pub call: u64,
    /// The request.
    pub request: http::Request<Vec<u8>>,
}

#[derive(Debug, Default)]
struct Inner {
    next: u64,
    sent: Vec<Sent>,
    waits: Vec<(u64, u64)>,
    answers: BTreeMap<u64, Outcome>,
    due: BTreeSet<u64>,
}

/// The wires of one process. A new process gets new ones.
#[derive(Debug, Clone, Default)]
pub struct Network(Arc<Mutex<Inner>>);

impl Network {
    /// Wires whose calls are numbered from here on.
    pub fn numbered_from(next: u64) -> Network {
        Network(Arc::new(Mutex::new(Inner { next, ..Inner::default() })))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number the next call will have.
    pub fn next_call(&self) -> u64 {
        self.lock().next
    }

    /// What was sent since the last look.
    pub fn take_sent(&self) -> Vec<Sent> {
        std::mem::take(&mut self.lock().sent)
    }

    /// Who began to wait since the last look: number and milliseconds.
    pub fn take_waits(&self) -> Vec<(u64, u64)> {
        std::mem::take(&mut self.lock().waits)
    }

    /// Hands an answer to whoever waits for it.
    pub fn answer(&self, call: u64, outcome: Outcome) {
        self.lock().answers.insert(call, outcome);
    }

    /// Ends a wait.
    pub fn ring(&self, wait: u64) {
        self.lock().due.insert(wait);
    }

    /// Waiting as the clients know it.
    pub fn waiting(&self) -> Wait {
        let network = self.clone();
        Arc::new(move |wait_ms| {
            let number = {
                let mut inner = network.lock();
                inner.next += 1;
                let number = inner.next;
                inner.waits.push((number, wait_ms));
                number
            };
            Box::pin(Ring { network: network.clone(), number })
        })
    }
}

struct Ring {
    network: Network,
    number: u64,
}

impl Future for Ring {
    type Output = ();
    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.network.lock().due.remove(&self.number) { Poll::Ready(()) } else { Poll::Pending }
    }
}

struct Answered {
    network: Network,
    call: u64,
}

impl Future for Answered {
    type Output = Outcome;
    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Outcome> {
        match self.network.lock().answers.remove(&self.call) {
            Some(outcome) => Poll::Ready(outcome),
            None => Poll::Pending,
        }
    }
}

#[async_trait]
impl Transport for Network {
    async fn send(&self, request: http::Request<Vec<u8>>) -> Outcome {
        let call = {
            let mut inner = self.lock();
            inner.next += 1;
            let call = inner.next;
            inner.sent.push(Sent { call, request });
            call
        };
        Answered { network: self.clone(), call }.await
    }
}
