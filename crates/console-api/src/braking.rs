//! A run that the brake stopped, and the two persons who let it go on.

use crate::console::Console;
use crate::dto::{
    ApiError, BrakedRun, BrakedView, Capability, ContinueBraked, Continued, ErrorCode, Nothing,
};
use crate::errors::{api, sentence};
use crate::permissions::{may, who_can};
use engine::braking::{Braked, braked};
use engine::{Command, Reply};

impl Console {
    fn braked_run(&self, braked: Braked) -> BrakedRun {
        let small = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        let person = self.person();
        let needed = if braked.maker.is_some() { Capability::ApproveSecond } else { Capability::SyncAll };
        let own = braked.maker.as_deref() == Some(person.id.as_str());
        let may_continue = may(&person, needed) && !own;
        BrakedRun {
            run_id: braked.run,
            hash: braked.hash,
            words: sentence(&braked.words),
            patients: small(braked.patients),
            writes_service_now: small(braked.writes[0]),
            writes_ehr: small(braked.writes[1]),
            creates: small(braked.creates),
            stopped_at_ms: braked.stopped_at_ms,
            maker: braked.maker.as_deref().map(|id| self.name_of(id)),
            reason: braked.reason,
            may_continue,
            who_can: (!may_continue)
                .then(|| if own { "another administrator".to_owned() } else { who_can(needed).to_owned() }),
        }
    }

    pub(crate) async fn run_braked(&self, _: Nothing) -> Result<BrakedView, ApiError> {
        let waiting = braked(&*self.parts.store).await?;
        Ok(BrakedView { braked: waiting.map(|braked| self.braked_run(braked)) })
    }

    pub(crate) async fn run_continue(&self, request: ContinueBraked) -> Result<Continued, ApiError> {
        let waiting = braked(&*self.parts.store).await?;
        if waiting.is_some_and(|waiting| waiting.maker.is_some()) {
            self.require_capability(Capability::ApproveSecond)?;
        }
        let command =
            Command::ContinueBraked { hash: request.hash, person: self.person().id, reason: request.reason };
        let run = match self.parts.engine.ask(command).await? {
            Reply::Run(row) => Some(self.run_view(&row)?),
            Reply::Done => None,
            _ => return Err(api(ErrorCode::Internal, "The engine gave no run.", "Try again.")),
        };
        let view = self.run_braked(Nothing {}).await?;
        Ok(Continued { run, braked: view.braked })
    }
}
