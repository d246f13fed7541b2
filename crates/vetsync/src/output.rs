//! Tables for people, one JSON object for programs.

/// Prints a value as one line of JSON.
pub fn json<T: serde::Serialize>(value: &T) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string(value)?);
    Ok(())
}

/// A moment as `YYYY-MM-DD HH:MM:SS` in UTC.
pub fn moment(at_ms: i64) -> String {
    record::time::utc_text(at_ms.div_euclid(1_000)).unwrap_or_default()
}

/// The word that an enum of the console is written as.
pub fn word<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Prints rows under a header, columns aligned.
pub fn table(header: &[&str], rows: &[Vec<String>]) {
    for line in table_lines(header, rows) {
        println!("{line}");
    }
}

/// The widest a column gets; longer text goes on below itself. The last column is not wrapped.
const WIDEST: usize = 40;

fn table_lines(header: &[&str], rows: &[Vec<String>]) -> Vec<String> {
    let last = header.len().saturating_sub(1);
    let cells: Vec<Vec<Vec<String>>> =
        std::iter::once(header.iter().map(|cell| cell_lines(cell, None)).collect())
            .chain(rows.iter().map(|row| {
                row.iter()
                    .enumerate()
                    .map(|(column, cell)| cell_lines(cell, (column < last).then_some(WIDEST)))
                    .collect()
            }))
            .collect();
    let mut widths = vec![0; header.len()];
    for row in &cells {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.iter().map(|line| line.chars().count()).fold(*width, usize::max);
        }
    }
    let mut lines = Vec::new();
    for row in &cells {
        for at in 0..row.iter().map(Vec::len).max().unwrap_or(0) {
            let mut out = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                let text = cell.get(at).map_or("", String::as_str);
                out.push_str(text);
                out.extend(std::iter::repeat_n(' ', width.saturating_sub(text.chars().count()) + 2));
            }
            lines.push(out.trim_end().to_owned());
        }
    }
    lines
}

/// A cell as the lines it takes: its own, each wrapped between words. What would steer a terminal becomes a blank.
fn cell_lines(cell: &str, widest: Option<usize>) -> Vec<String> {
    let mut lines: Vec<String> = cell
        .lines()
        .flat_map(|line| {
            let line: String =
                line.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
            widest.map_or_else(|| vec![line.clone()], |widest| wrapped(&line, widest))
        })
        .collect();
    if lines.is_empty() {
        lines.push(String::new());
    }
    lines
}

fn wrapped(line: &str, widest: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest: Vec<char> = line.chars().collect();
    while rest.len() > widest {
        let blank = rest.iter().take(widest + 1).rposition(|letter| *letter == ' ').filter(|at| *at > 0);
        let tail = rest.split_off(blank.unwrap_or(widest));
        lines.push(rest.into_iter().collect());
        rest = tail.into_iter().skip(usize::from(blank.is_some())).collect();
    }
    lines.push(rest.into_iter().collect());
    lines
}

#[cfg(test)]
mod tests {
    use super::table_lines;

    #[test]
    fn a_cell_of_several_lines_stays_in_its_column() {
        let rows = [
            vec![
                "medical_notes".to_owned(),
                "Calm.\nEats well.".to_owned(),
                String::new(),
                "they differ".to_owned(),
            ],
            vec!["breed".to_owned(), "Beagle".to_owned(), "Boxer".to_owned(), "they differ".to_owned()],
        ];
        let lines = table_lines(&["FIELD", "SERVICENOW", "EHR", "WHY"], &rows);
        assert_eq!(
            lines,
            [
                "FIELD          SERVICENOW  EHR    WHY",
                "medical_notes  Calm.              they differ",
                "               Eats well.",
                "breed          Beagle      Boxer  they differ",
            ]
        );
    }

    #[test]
    fn long_text_goes_on_below_itself_and_the_last_column_is_as_it_is() {
        let word = "abcdefghi ".repeat(5);
        let unbroken = "x".repeat(85);
        let sentence = "a sentence that is much longer than forty letters, and is not wrapped";
        let lines = table_lines(&["A", "B", "C"], &[vec![word, unbroken, sentence.to_owned()]]);
        let x40 = "x".repeat(40);
        assert_eq!(
            lines,
            [
                format!("{:<41}{:<42}C", "A", "B"),
                format!("{:<39}  {x40}  {sentence}", "abcdefghi abcdefghi abcdefghi abcdefghi"),
                format!("{:<39}  {x40}", "abcdefghi"),
                format!("{:<39}  xxxxx", ""),
            ]
            .map(|line| line.trim_end().to_owned())
        );
    }

    #[test]
    fn nothing_in_a_cell_steers_the_terminal() {
        let lines = table_lines(&["A"], &[vec!["\u{1b}[2Jgone\ttab".to_owned()]]);
        assert_eq!(lines, ["A", " [2Jgone tab"]);
    }
}
