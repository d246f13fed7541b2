//! The MID Server: what the host saw of it becomes an incident, opened once and closed once.

use crate::error::Result;
use crate::step::{Effects, Engine, Notice, Reply};
use store::Change;

/// Kind of the incident of a MID Server that is not connected (specification, "MID Server connectivity issues").
pub const MID_INCIDENT: &str = "mid_server";

impl Engine {
    /// The host looked at the MID Server's record; `trouble` says what is wrong with it, in words.
    pub(crate) async fn note_mid_server(
        &mut self,
        name: &str,
        trouble: Option<String>,
        now_ms: i64,
        effects: &mut Effects,
    ) -> Result<Reply> {
        let (kind, subject) = (MID_INCIDENT.to_owned(), name.to_owned());
        let in_trouble = trouble.is_some();
        let change = match trouble {
            // Every look counts: how long it lasted is seen.
            Some(cause) => {
                Change::RaiseIncident { id: self.new_id(now_ms), kind, subject, cause, at_ms: now_ms }
            }
            // Known to be well: there is nothing to close.
            None if self.mid_in_trouble == Some(false) => return Ok(Reply::Done),
            // Also after a start: an earlier process may have left one open.
            None => Change::CloseIncident { kind, subject, at_ms: now_ms },
        };
        self.store.commit(vec![change]).await?;
        if self.mid_in_trouble != Some(in_trouble) {
            if in_trouble {
                tracing::warn!("mid_server.in_trouble");
            }
            effects.notices.push(Notice::Incident);
        }
        self.mid_in_trouble = Some(in_trouble);
        Ok(Reply::Done)
    }
}
