//! The line between the product and a remote: a relay of bytes that can be cut, held or slowed at any moment. It sees
//! only what TLS lets through, as a real network does.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Mutex, watch};

/// What the line does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// Carries everything.
    Up,
    /// Nothing listens: connections are refused, those that stood are reset.
    Down,
    /// Carries to the remote; nothing comes back and nothing says so. The peer has vanished without a word.
    Vanished,
    /// Carries to the remote; what comes back comes a byte at a time.
    Dripping,
    /// The next bytes that come back are cut off after this many, by a reset.
    CutAfter(usize),
}

/// How long a dripping line takes for one byte.
const DRIP: Duration = Duration::from_millis(20);

/// What the line does, and how often it has been down.
type State = (Line, u64);

/// A relay in front of one address of loopback.
pub struct Relay {
    address: SocketAddr,
    target: SocketAddr,
    line: watch::Sender<State>,
    listening: Mutex<Option<tokio::task::JoinHandle<()>>>,
}

impl Relay {
    /// A line that is up, to this port.
    pub async fn to(port: u16) -> Relay {
        let target = SocketAddr::from(([127, 0, 0, 1], port));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (line, _) = watch::channel((Line::Up, 0));
        let listening = Mutex::new(Some(listen(listener, target, line.subscribe())));
        Relay { address, target, line, listening }
    }

    /// Where to connect to.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// From now on the line is so, for the connections that stand as well.
    pub async fn set(&self, line: Line) {
        let mut listening = self.listening.lock().await;
        self.line.send_modify(|(now, downs)| {
            *now = line;
            *downs += u64::from(line == Line::Down);
        });
        if line == Line::Down {
            if let Some(task) = listening.take() {
                task.abort();
                // Its port is free when it has ended.
                let _aborted = task.await.is_err();
            }
        } else if listening.is_none() {
            let socket = TcpSocket::new_v4().expect("a socket");
            socket.set_reuseaddr(true).expect("the port can be taken again");
            socket.bind(self.address).expect("the same port");
            let listener = socket.listen(64).expect("listening");
            *listening = Some(listen(listener, self.target, self.line.subscribe()));
        }
    }

    /// Resets every connection; new ones are carried.
    pub async fn reconnect(&self) {
        self.set(Line::Down).await;
        self.set(Line::Up).await;
    }
}

fn listen(
    listener: TcpListener,
    target: SocketAddr,
    line: watch::Receiver<State>,
) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(carry(client, target, line.clone()));
        }
    })
}

/// Carries one connection until either end or the line ends it.
async fn carry(client: TcpStream, target: SocketAddr, line: watch::Receiver<State>) {
    let Ok(remote) = TcpStream::connect(target).await else { return };
    // Closing sends a reset, not an orderly end.
    client.set_zero_linger().expect("a socket option");
    let (from_client, to_client) = client.into_split();
    let (from_remote, to_remote) = remote.into_split();
    let mut down = line.clone();
    let downs = line.borrow().1;
    tokio::select! {
        () = there(from_client, to_remote, line.clone()) => {}
        () = back(from_remote, to_client, line) => {}
        _ = down.wait_for(|(_, now)| *now != downs) => {}
    }
}

async fn there(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, line: watch::Receiver<State>) {
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut bytes).await {
        if to.write_all(&bytes[..length]).await.is_err() {
            break;
        }
    }
    // A peer that has vanished does not say goodbye either.
    silent_while_vanished(line).await;
}

async fn back(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, line: watch::Receiver<State>) {
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut bytes).await {
        let (now, _) = *line.borrow();
        let sent = match now {
            Line::Up => to.write_all(&bytes[..length]).await,
            Line::Down => return,
            Line::Vanished => continue,
            Line::Dripping => drip(&mut to, &bytes[..length]).await,
            Line::CutAfter(most) => {
                let _sent = to.write_all(&bytes[..length.min(most)]).await;
                return;
            }
        };
        if sent.is_err() {
            return;
        }
    }
    silent_while_vanished(line).await;
}

async fn silent_while_vanished(mut line: watch::Receiver<State>) {
    let _over = line.wait_for(|(line, _)| *line != Line::Vanished).await.is_ok();
}

async fn drip(to: &mut OwnedWriteHalf, bytes: &[u8]) -> std::io::Result<()> {
    for byte in bytes {
        to.write_all(&[*byte]).await?;
        tokio::time::sleep(DRIP).await;
    }
    Ok(())
}

/// A port where a connection is taken and nothing is ever said. Held as long as the value lives.
pub struct Silence(Arc<std::net::TcpListener>);

impl Silence {
    /// Connections are completed by the operating system; nobody reads them.
    pub fn new() -> Silence {
        Silence(Arc::new(std::net::TcpListener::bind("127.0.0.1:0").expect("a port")))
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.0.local_addr().expect("an address").port()
    }
}

impl Default for Silence {
    fn default() -> Self {
        Silence::new()
    }
}
