//! SNOMED CT identifiers: URI and check digit.

/// The code system's URI in FHIR.
pub const SNOMED_CT: &str = "http://snomed.info/sct";

/// Multiplication in the dihedral group of order ten (SNOMED CT Release File Specification, "Verhoeff check").
const MULTIPLY: [[u8; 10]; 10] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    [1, 2, 3, 4, 0, 6, 7, 8, 9, 5],
    [2, 3, 4, 0, 1, 7, 8, 9, 5, 6],
    [3, 4, 0, 1, 2, 8, 9, 5, 6, 7],
    [4, 0, 1, 2, 3, 9, 5, 6, 7, 8],
    [5, 9, 8, 7, 6, 0, 4, 3, 2, 1],
    [6, 5, 9, 8, 7, 1, 0, 4, 3, 2],
    [7, 6, 5, 9, 8, 2, 1, 0, 4, 3],
    [8, 7, 6, 5, 9, 3, 2, 1, 0, 4],
    [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
];

/// The permutation applied once per position; position `n` uses its `n mod 8`-th power.
const PERMUTE: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];

/// Whether a text is a well-formed SNOMED CT concept identifier: 6 to 18 digits, no leading zero, a concept's partition
/// (`00` or `10`), and the right check digit.
pub fn valid_snomed_id(id: &str) -> bool {
    let digits = id.as_bytes();
    (6..=18).contains(&digits.len())
        && digits.iter().all(u8::is_ascii_digit)
        && digits.first() != Some(&b'0')
        && matches!(digits.get(digits.len() - 3..digits.len() - 1), Some(b"00" | b"10"))
        && verhoeff_sum(digits) == 0
}

/// Zero for a number whose last digit is its Verhoeff check digit.
fn verhoeff_sum(digits: &[u8]) -> u8 {
    let mut sum = 0_u8;
    for (position, digit) in digits.iter().rev().enumerate() {
        let mut permuted = digit - b'0';
        for _ in 0..position % 8 {
            permuted = PERMUTE[usize::from(permuted)];
        }
        sum = MULTIPLY[usize::from(sum)][usize::from(permuted)];
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_identifiers() {
        // (identifier, valid?)
        let cases = [
            ("448771007", true),
            ("448169003", true),
            ("62137007", true),
            ("716186003", true),
            // Seen in the wild with a wrong check digit.
            ("392005", false),
            ("387976009", false),
            // Not a concept: a description's partition.
            ("448771019", false),
            ("0448771007", false),
            ("44877100", false),
            ("12a", false),
            ("", false),
        ];
        for (id, valid) in cases {
            assert_eq!(valid_snomed_id(id), valid, "{id}");
        }
    }

    proptest! {
        /// Verhoeff finds every single wrong digit and every swap of neighbours.
        #[test]
        fn typing_errors_are_found(stem in "[1-9][0-9]{3,13}", at in 0_usize..16, by in 1_u8..10) {
            let stem = format!("{stem}00");
            let Some(id) = (0..10).map(|check| format!("{stem}{check}")).find(|id| valid_snomed_id(id)) else {
                return Err(TestCaseError::fail("no check digit fits"));
            };
            let mut wrong = id.clone().into_bytes();
            let at = at % wrong.len();
            wrong[at] = b'0' + (wrong[at] - b'0' + by) % 10;
            prop_assert_ne!(verhoeff_sum(&wrong), 0);
            let mut swapped = id.into_bytes();
            if at + 1 < swapped.len() && swapped[at] != swapped[at + 1] {
                swapped.swap(at, at + 1);
                prop_assert_ne!(verhoeff_sum(&swapped), 0);
            }
        }
    }
}
