//! When the engine acts by itself, as the settings say.

use chrono_tz::Tz;
use engine::schedule::{BatchSchedule, Schedule};
use record::time::cron::Cron;
use record::time::daily::Daily;
use settings::{Settings, SyncFrequency};

/// The computer's own zone, where it says one; else UTC.
fn own_zone() -> Tz {
    iana_time_zone::get_timezone().ok().and_then(|name| name.parse().ok()).unwrap_or(Tz::UTC)
}

/// The hospital's zone, or this computer's.
pub fn zone_of(settings: &Settings) -> Tz {
    settings.time_zone().unwrap_or_else(own_zone)
}

/// The schedule that the settings name; nothing where only people ask.
pub fn of(settings: &Settings) -> Schedule {
    if settings.sync_frequency == SyncFrequency::OnDemand {
        return Schedule::default();
    }
    let zone = zone_of(settings);
    let reconciliation = settings.schedule.at().filter(|_| settings.schedule.reconciliation);
    // Read once already, when the settings were checked.
    let batch = Cron::parse(&settings.batch_schedule).ok().map(|cron| BatchSchedule {
        expression: settings.batch_schedule.clone(),
        cron,
        zone: settings.batch_time_zone().unwrap_or(zone),
    });
    Schedule {
        reconciliation: reconciliation.map(|at| Daily { at, zone }),
        batch,
        poll_every_ms: settings.sync_frequency.poll_seconds().map(|seconds| i64::from(seconds) * 1_000),
    }
}
