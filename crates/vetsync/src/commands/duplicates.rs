//! `vetsync duplicates`: records that may be one animal, and what people say of them.

use super::{call, started};
use crate::exit::Failure;
use crate::{Outcome, output};
use agent::Options;
use clap::{Args, Subcommand, ValueEnum};
use console_api::dto::{
    DuplicateAnswer, DuplicateBetween, DuplicateItem, DuplicateLater, DuplicateList, DuplicateQuery,
    DuplicateRecord, DuplicateState, DuplicateTier, DuplicateView, Id, RemoteName,
};
use engine::clock::{Clock as _, SystemClock};
use std::process::ExitCode;

const DAY_MS: i64 = 86_400_000;

/// `vetsync duplicates`
#[derive(Debug, Args)]
pub struct Duplicates {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum TierName {
    Contradictory,
    Probable,
    Possible,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum StateName {
    Open,
    Later,
    Different,
    ToMerge,
    Same,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Records that may be one animal, the gravest first.
    List {
        /// Only those of this tier.
        #[arg(long, value_enum)]
        tier: Option<TierName>,
        /// What is open where it is not said.
        #[arg(long, value_enum, default_value_t = StateName::Open)]
        state: StateName,
        /// Only records whose name, owner, phone or microchip holds this.
        #[arg(long, default_value = "")]
        text: String,
        /// At most this many.
        #[arg(long, default_value_t = 100)]
        limit: u32,
    },
    /// Both records side by side, what speaks for and against it, and what hangs on each.
    Show {
        /// The id from the list; or two patients' ids.
        #[arg(required = true, num_args = 1..=2, value_name = "ID")]
        ids: Vec<String>,
    },
    /// Say that they are one animal. Records of both systems are linked; of one system they are to be merged there.
    Link {
        /// The id from the list or from show.
        id: String,
        /// How you know.
        #[arg(long)]
        reason: String,
    },
    /// Say that they are two animals. It is remembered, and asked again only when key facts change.
    Distinct {
        /// The id from the list or from show.
        id: String,
        /// How you know.
        #[arg(long)]
        reason: String,
    },
    /// Put it off.
    Later {
        /// The id from the list or from show.
        id: String,
        /// For so many days.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=366))]
        days: u16,
        /// Why it can wait.
        #[arg(long)]
        reason: String,
    },
}

/// Works on duplicates.
pub async fn duplicates(options: Options, duplicates: Duplicates, json: bool) -> Outcome {
    match duplicates.verb {
        Verb::List { tier, state, text, limit } => {
            let query = DuplicateQuery {
                text,
                tier: tier.map(tier_of),
                state: Some(state_of(state)),
                offset: 0,
                limit,
            };
            list(options, query, json).await
        }
        Verb::Show { ids } => match ids.as_slice() {
            [one, other] => {
                let request = DuplicateBetween { patient_id: one.clone(), other_patient_id: other.clone() };
                view(options, "duplicates.between", &request, json).await
            }
            ids => {
                let request = Id { id: ids.first().cloned().unwrap_or_default() };
                view(options, "duplicates.get", &request, json).await
            }
        },
        Verb::Link { id, reason } => {
            view(options, "duplicates.link", &DuplicateAnswer { id, reason }, json).await
        }
        Verb::Distinct { id, reason } => {
            view(options, "duplicates.distinct", &DuplicateAnswer { id, reason }, json).await
        }
        Verb::Later { id, days, reason } => {
            let until_ms = SystemClock.now_ms() + i64::from(days) * DAY_MS;
            view(options, "duplicates.later", &DuplicateLater { id, until_ms, reason }, json).await
        }
    }
}

const fn tier_of(name: TierName) -> DuplicateTier {
    match name {
        TierName::Contradictory => DuplicateTier::Contradictory,
        TierName::Probable => DuplicateTier::Probable,
        TierName::Possible => DuplicateTier::Possible,
    }
}

const fn state_of(name: StateName) -> DuplicateState {
    match name {
        StateName::Open => DuplicateState::Open,
        StateName::Later => DuplicateState::Later,
        StateName::Different => DuplicateState::Different,
        StateName::ToMerge => DuplicateState::ToMerge,
        StateName::Same => DuplicateState::Same,
    }
}

async fn list(options: Options, query: DuplicateQuery, json: bool) -> Outcome {
    let seat = started(options).await?;
    let found: Result<DuplicateList, Failure> = call(&seat, "duplicates.list", &query).await;
    seat.leave().await;
    let found = found?;
    if json {
        output::json(&found)?;
    } else {
        let rows: Vec<Vec<String>> = found
            .items
            .iter()
            .map(|item| {
                vec![
                    item.id.clone(),
                    output::word(&item.tier),
                    item.points.to_string(),
                    item.one.name.clone(),
                    item.other.name.clone(),
                    item.one.owner.clone(),
                    item.other.owner.clone(),
                ]
            })
            .collect();
        output::table(&["ID", "TIER", "POINTS", "ONE", "OTHER", "OWNER", "OTHER OWNER"], &rows);
        if u64::from(found.total) > rows.len() as u64 {
            eprintln!("{} of {}", rows.len(), found.total);
        }
    }
    let waiting = found.contradictory + found.probable + found.possible;
    Ok(if waiting == 0 { ExitCode::SUCCESS } else { ExitCode::from(7) })
}

async fn view<Q: serde::Serialize>(options: Options, command: &str, request: &Q, json: bool) -> Outcome {
    let seat = started(options).await?;
    let view: Result<DuplicateView, Failure> = call(&seat, command, request).await;
    seat.leave().await;
    let view = view?;
    if json {
        output::json(&view)?;
        return Ok(ExitCode::SUCCESS);
    }
    let item = &view.item;
    println!("{}", item.id);
    println!("{}, {} points: {}", output::word(&item.tier), item.points, state_words(item));
    for (word, sentences) in [("for    ", &item.for_sentences), ("against", &item.against_sentences)] {
        for sentence in sentences {
            println!("{word}  {sentence}");
        }
    }
    if let Some(again) = &item.asked_again {
        println!("again    {again}");
    }
    println!();
    let rows: Vec<Vec<String>> = view
        .fields
        .iter()
        .map(|field| {
            let mark = if field.same { "" } else { "differs" };
            vec![field.label.clone(), field.one.text.clone(), field.other.text.clone(), mark.to_owned()]
        })
        .collect();
    output::table(&["FIELD", &heading(&item.one), &heading(&item.other), ""], &rows);
    println!("\nsame animal:     {}", view.if_same);
    println!("not the same:    {}", view.if_different);
    if let Some(why) = &item.not_linkable_because {
        println!("not linked here: {why}");
    }
    Ok(ExitCode::SUCCESS)
}

fn heading(record: &DuplicateRecord) -> String {
    let place = match record.remote {
        RemoteName::ServiceNow => "ServiceNow",
        RemoteName::Ehr => "EHR",
    };
    format!("{place} {}", record.key)
}

fn state_words(item: &DuplicateItem) -> String {
    let by = item.answered_by.as_deref().map_or_else(String::new, |by| format!(" ({by})"));
    let why = item.reason.as_deref().map_or_else(String::new, |reason| format!(": {reason}"));
    match item.state {
        DuplicateState::Open => "open".to_owned(),
        DuplicateState::Later => format!("put off{why}"),
        DuplicateState::Different => format!("not the same animal{by}{why}"),
        DuplicateState::ToMerge => format!("one animal, to be merged{by}{why}"),
        DuplicateState::Same => format!("one animal{by}{why}"),
    }
}
