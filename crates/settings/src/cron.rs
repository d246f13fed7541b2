//! The five fields of a schedule as cron writes them.

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
/// Most days a month can have, February in a leap year.
const LONGEST: [u8; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

struct Part {
    name: &'static str,
    ordinal: &'static str,
    least: u8,
    most: u8,
    names: &'static [&'static str],
    /// The number that the first name stands for.
    first_name: u8,
}

const PARTS: [Part; 5] = [
    Part { name: "minute", ordinal: "first", least: 0, most: 59, names: &[], first_name: 0 },
    Part { name: "hour", ordinal: "second", least: 0, most: 23, names: &[], first_name: 0 },
    Part { name: "day of the month", ordinal: "third", least: 1, most: 31, names: &[], first_name: 0 },
    Part { name: "month", ordinal: "fourth", least: 1, most: 12, names: &MONTHS, first_name: 1 },
    Part { name: "day of the week", ordinal: "fifth", least: 0, most: 7, names: &WEEKDAYS, first_name: 0 },
];

/// What is wrong with a schedule, or `None`.
pub(crate) fn problem(schedule: &str) -> Option<String> {
    let fields: Vec<&str> = schedule.split_whitespace().collect();
    if fields.len() != PARTS.len() {
        return Some(if schedule.trim_start().starts_with('@') {
            "a short form such as @daily is not understood; five fields are expected".to_owned()
        } else {
            format!(
                "five fields are expected (minute, hour, day of the month, month, day of the week), {} stand here{}",
                fields.len(),
                if fields.len() > 5 { "; seconds and years are not understood" } else { "" },
            )
        });
    }
    let mut chosen: Vec<Vec<u8>> = Vec::with_capacity(PARTS.len());
    for (part, field) in PARTS.iter().zip(&fields) {
        match part.numbers(field) {
            Ok(numbers) => chosen.push(numbers),
            Err(what) => return Some(format!("the {} field ({}) {what}", part.ordinal, part.name)),
        }
    }
    let (days, months) = (chosen.get(2)?, chosen.get(3)?);
    let any_weekday = fields.get(4).is_some_and(|field| *field == "*");
    let some_day_exists = months.iter().any(|month| {
        let longest = LONGEST.get(usize::from(*month).saturating_sub(1)).copied().unwrap_or(31);
        days.iter().any(|day| *day <= longest)
    });
    // With a day of the week given, cron takes either; without one, the date itself must exist.
    (any_weekday && !some_day_exists)
        .then(|| "no such day exists in those months, so it would never run".to_owned())
}

impl Part {
    fn numbers(&self, field: &str) -> Result<Vec<u8>, String> {
        let mut numbers = Vec::new();
        for item in field.split(',') {
            let (range, step) = match item.split_once('/') {
                Some((range, step)) => (range, Some(step)),
                None => (item, None),
            };
            let step: u8 = match step {
                None => 1,
                Some(step) => step
                    .parse()
                    .ok()
                    .filter(|step| (1..=self.most).contains(step))
                    .ok_or_else(|| format!("has a step that is no number from 1 to {}", self.most))?,
            };
            let (from, to) = if range == "*" {
                (self.least, self.most)
            } else if let Some((from, to)) = range.split_once('-') {
                (self.number(from)?, self.number(to)?)
            } else {
                let only = self.number(range)?;
                (only, if item.contains('/') { self.most } else { only })
            };
            if from > to {
                return Err("has a range whose end comes before its beginning".to_owned());
            }
            numbers.extend((from..=to).step_by(usize::from(step)));
        }
        Ok(numbers)
    }

    fn number(&self, text: &str) -> Result<u8, String> {
        let named = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        if let Some(number) = named.and_then(|at| u8::try_from(at).ok()).map(|at| at + self.first_name) {
            return Ok(number);
        }
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|number| digits && (self.least..=self.most).contains(number)).ok_or_else(
            || {
                let named = if self.names.is_empty() { "" } else { " or a name of three letters" };
                format!(
                    "takes numbers from {} to {}{named}, *, ranges, steps and lists",
                    self.least, self.most
                )
            },
        )
    }
}
