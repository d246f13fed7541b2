//! The MID Server: by which way requests reach the EHR.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How requests reach the EHR.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EhrRoute {
    /// VetSync runs in the hospital's network and reaches the EHR itself.
    #[default]
    Direct,
    /// VetSync reaches ServiceNow alone: every request is put into its ECC queue, and a MID Server in the hospital's
    /// network carries it out.
    MidServer,
}

/// A MID Server of the ServiceNow instance. Watched as soon as it is named; `ehr.route = "mid-server"` sends requests
/// through it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MidServer {
    /// Its name, as the list *MID Server > Servers* shows it (`ecc_agent.name`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"mid-frontdesk", length(min = 1, max = 100))]
    pub name: Option<String>,
    /// Seconds in which it has to take a request up; it looks into its queue every 40 seconds at the latest.
    #[schemars(range(min = 1, max = 3600), example = 90)]
    pub pickup_seconds: u16,
    /// Seconds in which it then has to give an answer.
    #[schemars(range(min = 1, max = 3600), example = 120)]
    pub answer_seconds: u16,
    /// Milliseconds between two looks for answers, one look for all requests that wait. Each is a request to ServiceNow.
    #[schemars(range(min = 100, max = 60_000), example = 1000)]
    pub poll_milliseconds: u32,
    /// Largest request that is put into the queue, in kilobytes; a larger one is refused before it is sent.
    #[schemars(range(min = 1, max = 16_384), example = 1024)]
    pub request_kilobytes_max: u32,
    /// Minutes after which its record in ServiceNow counts as out of date, and the MID Server as not connected; 0 to go
    /// by its status alone.
    #[schemars(range(min = 0, max = 1440), example = 30)]
    pub stale_minutes: u16,
    /// Seconds between two looks at its record in ServiceNow.
    #[schemars(range(min = 1, max = 3600), example = 60)]
    pub watch_seconds: u16,
    /// Whether access tokens of the EHR are fetched without the MID Server, where VetSync reaches the token address
    /// itself: the signed assertions then never stand in the queue.
    pub sign_in_directly: bool,
}

impl Default for MidServer {
    fn default() -> Self {
        MidServer {
            name: None,
            pickup_seconds: 90,
            answer_seconds: 120,
            poll_milliseconds: 1_000,
            request_kilobytes_max: 1_024,
            stale_minutes: 30,
            watch_seconds: 60,
            sign_in_directly: false,
        }
    }
}
