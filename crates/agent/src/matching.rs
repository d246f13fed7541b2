//! The terms of matching as the settings say them.

use engine::{Matching, Weights};
use settings::Settings;

/// Who is taken for the same animal.
pub fn of(settings: &Settings) -> Matching {
    let (own, weights) = (&settings.matching, &settings.matching.weights);
    Matching {
        name_probable_percent: own.name_probable_percent,
        name_possible_percent: own.name_possible_percent,
        name_different_percent: own.name_different_percent,
        owner_alike_percent: own.owner_alike_percent,
        birth_tolerance_days: own.birth_tolerance_days,
        probable_points: i32::from(own.probable_points),
        possible_points: i32::from(own.possible_points),
        link_by_microchip: own.link_by_microchip,
        weights: Weights {
            same_chip: weights.same_chip,
            different_chips: weights.different_chips,
            name_alike: weights.name_alike,
            name_different: weights.name_different,
            same_species: weights.same_species,
            different_species: weights.different_species,
            same_phone: weights.same_phone,
            same_email: weights.same_email,
            owner_alike: weights.owner_alike,
            owner_different: weights.owner_different,
            birth_date_alike: weights.birth_date_alike,
            birth_date_different: weights.birth_date_different,
            sex_different: weights.sex_different,
        },
    }
}

#[cfg(test)]
mod tests {
    /// The settings' defaults are documented, the matcher's are tested against its table: they are the same.
    #[test]
    fn what_is_not_set_is_what_the_matcher_does_by_itself() {
        assert_eq!(super::of(&settings::Settings::default()), engine::Matching::default());
    }
}
