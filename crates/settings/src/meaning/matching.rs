//! What the schema cannot say of matching: thresholds that must stand in their order, and tiers that can be reached.

use super::Findings;
use crate::model::Settings;

pub(super) fn check(settings: &Settings, found: &mut Findings<'_>) {
    let matching = &settings.matching;
    if matching.name_possible_percent > matching.name_probable_percent {
        found.add(
            "matching.name_possible_percent",
            format!(
                "a possible match would need names more alike ({} %) than a probable one ({} %)",
                matching.name_possible_percent, matching.name_probable_percent
            ),
            "Make it at most `matching.name_probable_percent`.",
        );
    }
    if matching.name_different_percent >= matching.name_possible_percent {
        found.add(
            "matching.name_different_percent",
            format!(
                "names would be alike and clearly different at the same time ({} % and {} %)",
                matching.name_possible_percent, matching.name_different_percent
            ),
            "Make it less than `matching.name_possible_percent`.",
        );
    }
    if matching.possible_points > matching.probable_points {
        found.add(
            "matching.possible_points",
            format!(
                "a possible match would need more points ({}) than a probable one ({})",
                matching.possible_points, matching.probable_points
            ),
            "Make it at most `matching.probable_points`.",
        );
    }
    // Everything that may speak for two records without a microchip.
    let weights = &matching.weights;
    let most: u32 = [
        weights.name_alike,
        weights.same_species,
        weights.same_phone,
        weights.same_email,
        weights.owner_alike,
        weights.birth_date_alike,
    ]
    .into_iter()
    .map(u32::from)
    .sum();
    for (key, points) in [
        ("matching.possible_points", matching.possible_points),
        ("matching.probable_points", matching.probable_points),
    ] {
        if u32::from(points) > most {
            found.add(
                key,
                format!("without a microchip at most {most} points can be reached, so nothing would ever have {points}"),
                "Lower it, or raise `matching.weights`.",
            );
            break;
        }
    }
}
