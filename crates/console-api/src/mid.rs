//! The MID Server in words, for *Home*, the remotes and the command line.

use crate::console::Console;
use crate::dto::{MidServerState, MidServerView};
use crate::errors::sentence;
use remote::mid::{MidReport, MidState};

impl Console {
    /// As the latest look showed it; none where no MID Server is named.
    pub(crate) fn mid_server(&self) -> Option<MidServerView> {
        let mid = self.parts.mid.as_ref()?;
        Some(view(mid.server.name(), mid.carries, mid.server.last_report()))
    }

    /// The same, looked at now where that is long ago.
    pub(crate) async fn mid_server_now(&self) -> Option<MidServerView> {
        let mid = self.parts.mid.as_ref()?;
        Some(view(mid.server.name(), mid.carries, mid.server.recent().await))
    }
}

fn view(name: &str, carries: bool, report: Option<MidReport>) -> MidServerView {
    let Some(report) = report else {
        return MidServerView {
            name: name.to_owned(),
            state: MidServerState::NeverLooked,
            words: format!("How the MID Server {name} stands is not known yet."),
            way_out: None,
            carries,
            seen_at_ms: None,
            refreshed_at_ms: None,
        };
    };
    let state = match report.state {
        MidState::Up => MidServerState::Up,
        MidState::NotUp => MidServerState::NotUp,
        MidState::NotValidated => MidServerState::NotValidated,
        MidState::Stale => MidServerState::Stale,
        MidState::Missing => MidServerState::Missing,
        MidState::Hidden => MidServerState::Hidden,
    };
    MidServerView {
        name: name.to_owned(),
        state,
        words: sentence(&format!("the MID Server {name} {}", report.words)),
        way_out: (!report.way_out.is_empty()).then(|| sentence(&report.way_out)),
        carries,
        seen_at_ms: Some(report.seen_at_ms),
        refreshed_at_ms: report.refreshed_at_ms,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_in_a_sentence_with_the_way_out() {
        let report = MidReport {
            state: MidState::NotUp,
            words: "is Down".to_owned(),
            way_out: "start it".to_owned(),
            refreshed_at_ms: Some(5),
            seen_at_ms: 7,
        };
        let seen = view("mid-frontdesk", true, Some(report));
        assert_eq!(seen.state, MidServerState::NotUp);
        assert_eq!(seen.words, "The MID Server mid-frontdesk is Down.");
        assert_eq!(seen.way_out.as_deref(), Some("Start it."));
        assert_eq!((seen.seen_at_ms, seen.refreshed_at_ms), (Some(7), Some(5)));
        assert_eq!(view("mid-frontdesk", false, None).state, MidServerState::NeverLooked);
    }
}
