//! What stands where on which page, and what it is. All lengths in points, from the upper left corner.

use super::face::{Faces, Weight};
use crate::value::{Cell, Report, Table};

/// A4.
pub const PAGE: (f32, f32) = (595.28, 841.89);
const MARGIN: f32 = 48.0;
const WIDTH: f32 = PAGE.0 - 2.0 * MARGIN;
const BOTTOM: f32 = PAGE.1 - 60.0;
/// Between the text of two columns.
const GAP: f32 = 10.0;
/// No column is narrower than this.
const NARROWEST: f32 = 46.0;
/// Above and below the lines of a row.
const PADDING: f32 = 3.0;
const LINE: f32 = 1.32;
const BODY: f32 = 8.5;

/// What a part of the document is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    Title(String),
    Heading(String),
    Paragraph,
    Table(String),
    Head,
    Body,
    Row,
    /// The heading of a column.
    ColumnHead,
    /// The first cell of a row, which names it.
    RowHead,
    Cell,
}

/// A part with what is in it, in the order it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub part: Part,
    pub children: Vec<Child>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Child {
    Node(Node),
    /// The number of a piece of text.
    Piece(usize),
}

/// Text on one line.
#[derive(Debug, Clone, PartialEq)]
pub struct Piece {
    pub page: usize,
    pub x: f32,
    /// Of the line it stands on.
    pub baseline: f32,
    pub size: f32,
    pub weight: Weight,
    pub grey: bool,
    pub text: String,
    /// No part of what is read: a header that is repeated, a page's number.
    pub ornament: Option<Ornament>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ornament {
    RepeatedHeader,
    PageNumber,
}

/// A thin line across the page.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rule {
    pub page: usize,
    pub y: f32,
    pub strong: bool,
}

/// Where a heading stands, for the outline.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    pub words: String,
    pub page: usize,
    pub y: f32,
}

/// A whole document.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Layout {
    pub pages: usize,
    pub pieces: Vec<Piece>,
    pub rules: Vec<Rule>,
    pub nodes: Vec<Node>,
    pub outline: Vec<Place>,
}

/// Places everything.
pub fn lay_out(report: &Report, faces: &Faces) -> Layout {
    let mut setter = Setter { faces, page: 0, y: MARGIN, out: Layout::default() };
    setter.title(&report.title);
    setter.paragraph(&report.hospital, 10.0);
    setter.paragraph(&report.subject, 10.0);
    setter.y += 4.0;
    for note in &report.notes {
        setter.paragraph(note, 9.5);
    }
    setter.table(&summary(report));
    for table in &report.tables {
        setter.table(table);
    }
    setter.out.pages = setter.page + 1;
    setter.number_pages(&report.title);
    setter.out
}

/// The summary is a table like the others.
fn summary(report: &Report) -> Table {
    use crate::value::{Column, Row};
    let compared = report.summary.iter().any(|figure| figure.before != Cell::Nothing);
    let mut columns = vec![Column::words("figure", "Figure"), Column::figures("value", "Value")];
    if compared {
        columns.push(Column::figures("before", "Before"));
    }
    let row = |figure: &crate::value::Figure| {
        let mut cells = vec![Cell::text(&figure.label), figure.cell.clone()];
        if compared {
            cells.push(figure.before.clone());
        }
        Row { cells, ..Row::default() }
    };
    Table {
        id: "summary",
        title: "Summary".to_owned(),
        columns,
        rows: report.summary.iter().map(row).collect(),
        empty: "Nothing was counted.".to_owned(),
        left_out: 0,
    }
}

struct Setter<'f> {
    faces: &'f Faces,
    page: usize,
    y: f32,
    out: Layout,
}

impl Setter<'_> {
    /// Goes on to the next page unless this much fits on this one.
    fn room(&mut self, height: f32) -> bool {
        let fits = self.y + height <= BOTTOM;
        if !fits {
            self.page += 1;
            self.y = MARGIN;
        }
        fits
    }

    fn piece(&mut self, x: f32, baseline: f32, size: f32, weight: Weight, text: String) -> usize {
        let grey = false;
        self.out.pieces.push(Piece {
            page: self.page,
            x,
            baseline,
            size,
            weight,
            grey,
            text,
            ornament: None,
        });
        self.out.pieces.len() - 1
    }

    fn title(&mut self, text: &str) {
        self.out.outline.push(Place { words: text.to_owned(), page: self.page, y: self.y });
        let children = self.block(text, 17.0, Weight::Bold);
        self.out.nodes.push(Node { part: Part::Title(text.to_owned()), children });
    }

    fn paragraph(&mut self, text: &str, size: f32) {
        let children = self.block(text, size, Weight::Regular);
        if !children.is_empty() {
            self.out.nodes.push(Node { part: Part::Paragraph, children });
        }
    }

    /// Lines over the whole width, and a little air below.
    fn block(&mut self, text: &str, size: f32, weight: Weight) -> Vec<Child> {
        let mut children = Vec::new();
        for line in wrapped(self.faces, weight, text, WIDTH / size) {
            self.room(size * LINE);
            children.push(Child::Piece(self.piece(MARGIN, self.y + size, size, weight, line)));
            self.y += size * LINE;
        }
        self.y += 3.0;
        children
    }

    fn table(&mut self, table: &Table) {
        let widths = self.widths(table);
        let headings: Vec<String> = table.columns.iter().map(|column| column.heading.clone()).collect();
        let head = self.lines(&headings, &widths, Weight::Bold);
        // A heading stands above at least the first of its rows.
        self.y += 12.0;
        self.room(12.0 * LINE + 3.0 * (BODY * LINE + 2.0 * PADDING));
        self.out.outline.push(Place { words: table.title.clone(), page: self.page, y: self.y });
        let children = self.block(&table.title, 12.0, Weight::Bold);
        self.out.nodes.push(Node { part: Part::Heading(table.title.clone()), children });
        if table.rows.is_empty() {
            self.paragraph(&table.empty, BODY);
            return;
        }
        let cells = self.row(&head, &widths, table, Weight::Bold, None);
        let parts = |cells: Vec<Vec<Child>>, heads: bool| {
            let cell = |(at, children): (usize, Vec<Child>)| {
                let part = match (heads, at) {
                    (true, _) => Part::ColumnHead,
                    (false, 0) => Part::RowHead,
                    (false, _) => Part::Cell,
                };
                Child::Node(Node { part, children })
            };
            let children = cells.into_iter().enumerate().map(cell).collect();
            Child::Node(Node { part: Part::Row, children })
        };
        let mut body = Vec::with_capacity(table.rows.len());
        for row in &table.rows {
            let words: Vec<String> = row.cells.iter().map(Cell::words).collect();
            let lines = self.lines(&words, &widths, Weight::Regular);
            if !self.room(height(&lines)) {
                self.row(&head, &widths, table, Weight::Bold, Some(Ornament::RepeatedHeader));
            }
            let cells = self.row(&lines, &widths, table, Weight::Regular, None);
            body.push(parts(cells, false));
        }
        self.out.nodes.push(Node {
            part: Part::Table(table.title.clone()),
            children: vec![
                Child::Node(Node { part: Part::Head, children: vec![parts(cells, true)] }),
                Child::Node(Node { part: Part::Body, children: body }),
            ],
        });
        if table.left_out > 0 {
            self.y += 3.0;
            self.paragraph(&format!("and {} more", Cell::Count(table.left_out).words()), BODY);
        }
    }

    /// Each cell's lines.
    fn lines(&self, words: &[String], widths: &[f32], weight: Weight) -> Vec<Vec<String>> {
        let cells = words.iter().zip(widths);
        cells.map(|(text, width)| wrapped(self.faces, weight, text, width / BODY)).collect()
    }

    /// Sets one row and a rule below it; gives the pieces of each cell.
    fn row(
        &mut self,
        lines: &[Vec<String>],
        widths: &[f32],
        table: &Table,
        weight: Weight,
        ornament: Option<Ornament>,
    ) -> Vec<Vec<Child>> {
        let mut x = MARGIN;
        let mut cells = Vec::with_capacity(lines.len());
        for ((lines, width), column) in lines.iter().zip(widths).zip(&table.columns) {
            let mut baseline = self.y + PADDING + BODY;
            let mut pieces = Vec::new();
            for line in lines {
                let own = self.faces.of(weight).width(line.trim_end()) * BODY;
                let shift = if column.figures { (width - own).max(0.0) } else { 0.0 };
                let piece = self.piece(x + shift, baseline, BODY, weight, line.clone());
                if let Some(set) = self.out.pieces.get_mut(piece) {
                    set.ornament = ornament;
                }
                pieces.push(Child::Piece(piece));
                baseline += BODY * LINE;
            }
            cells.push(pieces);
            x += width + GAP;
        }
        self.y += height(lines);
        self.out.rules.push(Rule { page: self.page, y: self.y, strong: weight == Weight::Bold });
        cells
    }

    /// Figures get what they need; words share what is left, in proportion to what they need.
    fn widths(&self, table: &Table) -> Vec<f32> {
        let mut wanted: Vec<f32> = table
            .columns
            .iter()
            .map(|column| self.faces.of(Weight::Bold).width(&column.heading) * BODY)
            .collect();
        for row in &table.rows {
            for (wanted, cell) in wanted.iter_mut().zip(&row.cells) {
                *wanted = wanted.max(self.faces.of(Weight::Regular).width(&cell.words()) * BODY);
            }
        }
        let gaps = GAP * table.columns.len().saturating_sub(1) as f32;
        let free = WIDTH - gaps;
        let all: f32 = wanted.iter().sum();
        if all <= free {
            // The first column takes what is left, so that the rules reach from margin to margin.
            if let Some(first) = wanted.first_mut() {
                *first += free - all;
            }
            return wanted;
        }
        let few = free / table.columns.len().max(1) as f32;
        // What is narrow anyway keeps what it wants; the wide ones share the rest.
        let narrow: f32 = wanted.iter().filter(|wanted| **wanted <= few).sum();
        let wide: f32 = wanted.iter().filter(|wanted| **wanted > few).sum();
        for width in wanted.iter_mut().filter(|width| **width > few) {
            *width = ((free - narrow) * *width / wide).max(NARROWEST.min(few));
        }
        wanted
    }

    /// "Page 2 of 7" below every page, and which report it is.
    fn number_pages(&mut self, title: &str) {
        for page in 0..self.out.pages {
            let number = format!("Page {} of {}", page + 1, self.out.pages);
            let face = self.faces.of(Weight::Regular);
            let right = PAGE.0 - MARGIN - face.width(&number) * 8.0;
            for (x, text) in [(MARGIN, face.shown(title)), (right, number)] {
                self.out.pieces.push(Piece {
                    page,
                    x,
                    baseline: PAGE.1 - 30.0,
                    size: 8.0,
                    weight: Weight::Regular,
                    grey: true,
                    text,
                    ornament: Some(Ornament::PageNumber),
                });
            }
        }
    }
}

fn height(lines: &[Vec<String>]) -> f32 {
    let most = lines.iter().map(Vec::len).max().unwrap_or(1).max(1);
    most as f32 * BODY * LINE + 2.0 * PADDING
}

/// Breaks text at blanks, and within words that are too long; `ems` wide at most. A line that goes on ends with its blank,
/// so that who reads the text without the page finds the words apart.
fn wrapped(faces: &Faces, weight: Weight, text: &str, ems: f32) -> Vec<String> {
    let face = faces.of(weight);
    let mut lines: Vec<String> = Vec::new();
    let (mut line, mut width) = (String::new(), 0.0_f32);
    for word in face.shown(text).split(' ').filter(|word| !word.is_empty()) {
        let blank = if line.is_empty() { 0.0 } else { face.advance(' ') };
        let own = face.width(word);
        if width + blank + own <= ems {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
            width += blank + own;
            continue;
        }
        if !line.is_empty() {
            line.push(' ');
            lines.push(std::mem::take(&mut line));
            width = 0.0;
        }
        for character in word.chars() {
            let advance = face.advance(character);
            if width + advance > ems && !line.is_empty() {
                lines.push(std::mem::take(&mut line));
                width = 0.0;
            }
            line.push(character);
            width += advance;
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::{Column, Row, Share, Stamp};

    fn faces() -> Faces {
        Faces::load().unwrap()
    }

    fn report(rows: usize) -> Report {
        let local = chrono::NaiveDate::from_ymd_opt(2026, 11, 23).unwrap().and_hms_opt(2, 0, 0).unwrap();
        let row = |at: usize| Row {
            cells: vec![
                Cell::text(format!("patient {at}")),
                Cell::text(
                    "owner’s phone, owner’s e-mail, and a sentence that is long enough to be wrapped twice or so in its column",
                ),
                Cell::Count(at as u64 * 1_000),
                Cell::Share(Share { part: 1, whole: 3 }),
            ],
            ..Row::default()
        };
        Report {
            title: "Reconciliation".to_owned(),
            hospital: "Riverside".to_owned(),
            subject: "Monday".to_owned(),
            id: "r1".to_owned(),
            as_of: Stamp { local, offset_minutes: -300 },
            notes: vec!["One note.".to_owned()],
            summary: Vec::new(),
            tables: vec![Table {
                id: "open",
                title: "Still open".to_owned(),
                columns: vec![
                    Column::words("patient", "Patient"),
                    Column::words("fields", "Fields"),
                    Column::figures("count", "Count"),
                    Column::figures("share", "Share"),
                ],
                rows: (0..rows).map(row).collect(),
                empty: "Nothing is open.".to_owned(),
                left_out: 0,
            }],
        }
    }

    /// What is read, in order.
    fn read(layout: &Layout, children: &[Child]) -> String {
        let piece = |child: &Child| match child {
            Child::Piece(at) => layout.pieces[*at].text.clone(),
            Child::Node(node) => read(layout, &node.children),
        };
        children.iter().map(piece).collect()
    }

    /// How often each piece is in a tree.
    fn count(children: &[Child], seen: &mut [u32]) {
        for child in children {
            match child {
                Child::Piece(at) => seen[*at] += 1,
                Child::Node(node) => count(&node.children, seen),
            }
        }
    }

    #[test]
    fn lines_are_as_wide_as_they_may_be_and_lose_nothing() {
        let faces = faces();
        for text in
            ["one two three four five six seven", "Donaudampfschifffahrtsgesellschaftskapitän", "", "a  b"]
        {
            let lines = wrapped(&faces, Weight::Regular, text, 8.0);
            for line in &lines {
                assert!(faces.of(Weight::Regular).width(line.trim_end()) <= 8.001, "{line:?}");
            }
            let joined: String = lines.concat();
            assert_eq!(joined, text.split_whitespace().collect::<Vec<_>>().join(" "), "{text:?}");
        }
    }

    #[test]
    fn every_row_stands_on_a_page_with_its_header_and_is_read_once() {
        let layout = lay_out(&report(200), &faces());
        assert!(layout.pages > 3, "{}", layout.pages);
        let on = |page: usize, text: &str| {
            layout.pieces.iter().filter(|piece| piece.page == page && piece.text == text).count()
        };
        for page in 0..layout.pages {
            assert_eq!(on(page, "Patient"), 1, "the header on page {}", page + 1);
            assert_eq!(on(page, &format!("Page {} of {}", page + 1, layout.pages)), 1);
        }
        for piece in &layout.pieces {
            let right =
                piece.x + Faces::load().unwrap().of(piece.weight).width(piece.text.trim_end()) * piece.size;
            assert!(piece.x >= MARGIN - 0.01 && right <= PAGE.0 - MARGIN + 0.5, "{piece:?} ends at {right}");
            assert!(piece.baseline <= PAGE.1 - 29.0, "{piece:?}");
        }
        let table = layout.nodes.last().unwrap();
        assert_eq!(table.part, Part::Table("Still open".to_owned()));
        let text = read(&layout, &table.children);
        assert_eq!(text.matches("Patient").count(), 1, "a repeated header is not read again");
        for row in 0..200 {
            assert_eq!(text.matches(&format!("patient {row}owner")).count(), 1, "row {row}");
        }
        // Every piece that is no ornament is in the tree exactly once.
        let mut seen = vec![0; layout.pieces.len()];
        for node in &layout.nodes {
            count(&node.children, &mut seen);
        }
        for (piece, seen) in layout.pieces.iter().zip(seen) {
            assert_eq!(seen, u32::from(piece.ornament.is_none()), "{piece:?}");
        }
    }

    #[test]
    fn what_is_empty_says_so() {
        let layout = lay_out(&report(0), &faces());
        assert!(layout.pieces.iter().any(|piece| piece.text == "Nothing is open."));
        assert!(!layout.nodes.iter().any(|node| matches!(node.part, Part::Table(_))));
    }

    #[test]
    fn what_the_face_lacks_is_shown_as_replaced() {
        assert_eq!(faces().of(Weight::Regular).shown("Ωmega\u{e000}\u{0}\tß漢"), "Ωmega\u{fffd} ß\u{fffd}");
    }
}
