//! The probe: what the EHR cannot do, and what that means.

use super::dialect::{BodyStyle, DialectChoice, ListStyle};
use super::{Ehr, outcome, paging};
use crate::{Finding, Probe, RemoteError};
use record::RecordKind;

impl Ehr {
    pub(super) async fn probe_all(&self) -> Result<Probe, RemoteError> {
        let detected = match self.detect().await {
            Ok(detected) => detected,
            Err(RemoteError::Refused { what, .. } | RemoteError::Protocol { what, .. }) => {
                return Ok(Probe {
                    latency_ms: self.caller.last_call().map_or(0, |call| call.latency_ms),
                    findings: vec![Finding {
                        fatal: true,
                        what: "the EHR's patients cannot be read".to_owned(),
                        way_out: what,
                    }],
                });
            }
            Err(error) => return Err(error),
        };
        // The latest of several calls: a round trip without the sign-in before the first.
        let latency_ms = self.caller.last_call().map_or(0, |call| call.latency_ms);
        let mut findings: Vec<Finding> = self.caller.tls_finding().into_iter().collect();
        let mut find = |fatal: bool, what: &str, way_out: &str| {
            findings.push(Finding { fatal, what: what.to_owned(), way_out: way_out.to_owned() });
        };
        let dialect = match &self.settings.dialect {
            DialectChoice::Known(known) => known.clone(),
            DialectChoice::Detect => detected.dialect.clone(),
        };
        if !detected.seen_a_record {
            find(
                false,
                "the EHR shows no patient",
                "if it is not empty, have the integration client's scopes extended; \
                 what the EHR can do will be found out with the first patient",
            );
        } else if dialect.list != detected.dialect.list || dialect.body != detected.dialect.body {
            find(
                true,
                "the EHR's answers have another form than the one in the settings",
                "take the dialect out of the settings, so that it is found out, or correct it",
            );
        }
        if dialect.list == ListStyle::Array && !dialect.list_is_whole {
            find(
                false,
                "the EHR lists patients without pages or count, so a missing patient cannot be told from an unread one",
                "if its list is always everything, say so in the settings",
            );
        }
        if dialect.body == BodyStyle::BarePatient {
            find(
                false,
                "the EHR sends and takes patients without their AllergyIntolerance resources",
                "map the allergies to an extension of the patient in the settings",
            );
        }
        if detected.seen_a_record && !detected.dialect.etag {
            find(
                false,
                "the EHR sends no ETag, so a change in the moment of writing cannot be excluded",
                "records are compared just before and after each write; ask for ETag and If-Match",
            );
        }
        if detected.seen_a_record && !detected.dialect.identifier_search {
            find(
                false,
                "the EHR ignores searches by identifier, so a look-up reads the whole list",
                "ask for the search parameter identifier",
            );
        }
        if detected.seen_a_record && !detected.dialect.last_updated_search {
            find(
                false,
                "the EHR ignores _lastUpdated, so every incremental read reads the whole list",
                "ask for the search parameter _lastUpdated, or poll less often",
            );
        }
        if let Some(carrier) = self.caller.carrier() {
            findings.extend(carried_by(carrier, dialect.if_none_exist));
        }
        let (total, clock_ms) = self.total().await?;
        if dialect.list != ListStyle::Array && total.is_none() {
            findings.push(Finding {
                fatal: false,
                what: "the EHR's lists say no total, so the end of a list is told by asking twice".to_owned(),
                way_out: "ask for Bundle.total".to_owned(),
            });
        }
        findings.extend(self.caller.clock_finding(clock_ms));
        findings.sort_by_key(|finding| !finding.fatal);
        Ok(Probe { latency_ms, findings })
    }

    /// How many patients the EHR says it has, and what its clock shows.
    async fn total(&self) -> Result<(Option<u64>, Option<i64>), RemoteError> {
        let dialect = self.dialect().await?;
        let url = self.search_url(RecordKind::Patient, &[("_count", "1")])?;
        let answer = self.get(url.clone()).await?;
        if !answer.is_success() {
            return Err(self.caller.refused(answer.status, outcome::refusal(&answer)));
        }
        let total =
            paging::open(RecordKind::Patient, &answer, &dialect, &url).ok().and_then(|page| page.total);
        Ok((total, answer.clock_ms()))
    }
}

/// What follows from a MID Server that carries the requests.
fn carried_by(name: &str, if_none_exist: bool) -> Vec<Finding> {
    let finding = |what: String, way_out: &str| Finding { fatal: false, what, way_out: way_out.to_owned() };
    let mut findings = vec![finding(
        format!("requests go through the MID Server {name}, which chooses the TLS version itself"),
        "have its Java refuse anything under TLS 1.3 (docs/servicenow/mid-server.md)",
    )];
    if !if_none_exist {
        findings.push(finding(
            "a MID Server may carry a request out twice, and without If-None-Exist a new record is then made twice"
                .to_owned(),
            "ask for If-None-Exist on creates; until then doubles show as possible duplicates",
        ));
    }
    findings
}
