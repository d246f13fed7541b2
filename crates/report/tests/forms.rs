//! Every form of a report holds the same figures, and the same report gives the same bytes.
#![allow(clippy::unwrap_used, reason = "what the tests share stands outside of #[test]")]

use report::{Cell, Column, Figure, Report, Row, Share, Stamp, Table, csv, pdf, xlsx};
use std::collections::BTreeMap;
use std::io::{Cursor, Read as _};

fn sample() -> Report {
    let local = chrono::NaiveDate::from_ymd_opt(2026, 11, 23).unwrap().and_hms_opt(2, 1, 14).unwrap();
    let kind = |name: &str, compared: u64, equal: u64| Row {
        cells: vec![
            Cell::text(name),
            Cell::Count(compared),
            Cell::Count(equal),
            Cell::Share(Share { part: equal, whole: compared }),
        ],
        ..Row::default()
    };
    Report {
        title: "Reconciliation of Mon 23 Nov 2026".to_owned(),
        hospital: "Müller & Søn, Ωmega".to_owned(),
        subject: "02:00 to 02:01 (America/New_York)".to_owned(),
        id: "0199".to_owned(),
        as_of: Stamp { local, offset_minutes: -300 },
        notes: vec!["2 more conflicts than the day before.".to_owned(), "=1+1".to_owned()],
        summary: vec![
            Figure {
                id: "compared",
                label: "Compared".to_owned(),
                cell: Cell::Count(99_302),
                before: Cell::Count(99_000),
            },
            Figure {
                id: "accuracy",
                label: "Data accuracy".to_owned(),
                cell: Cell::Share(Share { part: 99_301, whole: 99_302 }),
                before: Cell::Nothing,
            },
        ],
        tables: vec![
            Table {
                id: "kinds",
                title: "By kind: patients/visits".to_owned(),
                columns: vec![
                    Column::words("kind", "Kind"),
                    Column::figures("compared", "Compared"),
                    Column::figures("equal", "Equal"),
                    Column::figures("accuracy", "Accuracy"),
                ],
                rows: vec![kind("Patients", 99_302, 99_301), kind("-Treatments", 7, 7)],
                empty: "Nothing was compared.".to_owned(),
                left_out: 3,
            },
            Table {
                id: "open",
                title: "Still open".to_owned(),
                columns: vec![Column::words("question", "Question"), Column::words("since", "Since")],
                rows: vec![Row {
                    cells: vec![Cell::text("@c1"), Cell::Moment(local)],
                    leads_to: Some("c1".to_owned()),
                    about: Some("secret-pair".to_owned()),
                }],
                empty: "Nothing is open.".to_owned(),
                left_out: 0,
            },
        ],
    }
}

#[test]
fn lines_hold_every_figure_and_no_formula() {
    let bytes = csv(&sample()).unwrap();
    assert_eq!(&bytes[..3], b"\xef\xbb\xbf", "a byte order mark, for Excel");
    let mut reader = ::csv::Reader::from_reader(&bytes[3..]);
    let lines: Vec<Vec<String>> =
        reader.records().map(|line| line.unwrap().iter().map(str::to_owned).collect()).collect();
    let value = |section: &str, row: &str, figure: &str| {
        let mut found = lines.iter().filter(|line| line[0] == section && line[1] == row && line[3] == figure);
        let line = found.next().unwrap_or_else(|| panic!("no {section} {row} {figure} in {lines:?}"));
        (line[4].clone(), line[5].clone())
    };
    assert_eq!(value("summary", "1", "compared"), ("99302".to_owned(), "99000".to_owned()));
    assert_eq!(value("summary", "2", "accuracy").0, "99.99");
    assert_eq!(value("kinds", "1", "equal").0, "99301");
    assert_eq!(value("kinds", "2", "accuracy").0, "100.00");
    assert_eq!(value("kinds", "", "left_out").0, "3");
    assert_eq!(value("open", "1", "since").0, "2026-11-23T02:01:14");
    assert_eq!(value("report", "1", "hospital").0, "Müller & Søn, Ωmega");
    for line in &lines {
        for cell in line {
            assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell:?} would be a formula");
        }
    }
    let text = String::from_utf8(bytes).unwrap();
    assert!(!text.contains("secret-pair"), "what only a console shows is in no file");
}

/// A part of the workbook, as XML.
fn part(workbook: &[u8], name: &str) -> String {
    let mut archive = zip::ZipArchive::new(Cursor::new(workbook)).unwrap();
    let mut text = String::new();
    archive.by_name(name).unwrap().read_to_string(&mut text).unwrap();
    text
}

/// What stands between two marks, each time.
fn between<'t>(text: &'t str, from: &str, to: &str) -> Vec<&'t str> {
    text.split(from).skip(1).map(|rest| rest.split(to).next().unwrap()).collect()
}

/// The cells of a sheet by place (`B7`): numbers as they are written, words in quotation marks.
fn cells(workbook: &[u8], sheet: usize) -> BTreeMap<String, String> {
    let shared = part(workbook, "xl/sharedStrings.xml");
    let words: Vec<String> = between(&shared, "<si>", "</si>")
        .into_iter()
        .map(|entry| entry.split('>').nth(1).unwrap().trim_end_matches("</t").replace("&amp;", "&"))
        .collect();
    let sheet = part(workbook, &format!("xl/worksheets/sheet{sheet}.xml"));
    assert!(!sheet.contains("<f>"), "no cell computes");
    between(&sheet, "<c ", "</c>")
        .into_iter()
        .filter(|cell| cell.contains("<v>"))
        .map(|cell| {
            let value = between(cell, "<v>", "</v>")[0];
            let place = between(cell, "r=\"", "\"")[0].to_owned();
            let is_words = cell.split('>').next().unwrap().contains("t=\"s\"");
            let value = if is_words {
                format!("{:?}", words[value.parse::<usize>().unwrap()])
            } else {
                value.to_owned()
            };
            (place, value)
        })
        .collect()
}

#[test]
fn the_workbook_holds_the_same_figures_as_numbers() {
    let bytes = xlsx(&sample()).unwrap();
    let names = part(&bytes, "xl/workbook.xml");
    assert_eq!(between(&names, "<sheet name=\"", "\""), ["Summary", "By kind patientsvisits", "Still open"]);
    let summary = cells(&bytes, 1);
    let row = |label: &str| {
        let label = format!("{label:?}");
        let mut places = summary.iter().filter(|(_, value)| **value == label);
        let (place, _) = places.next().unwrap_or_else(|| panic!("no {label} in {summary:?}"));
        let number = place.trim_start_matches('A');
        (summary.get(&format!("B{number}")).cloned(), summary.get(&format!("C{number}")).cloned())
    };
    let number = |text: &str| Some(text.to_owned());
    assert_eq!(row("Compared"), (number("99302"), number("99000")));
    assert_eq!(row("Data accuracy"), (number("0.9999"), None));
    assert_eq!(row("=1+1"), (None, None), "words stay words");
    let kinds = cells(&bytes, 2);
    let at = |place: &str| kinds.get(place).map(String::as_str);
    assert_eq!((at("C2"), at("D3"), at("A4")), (Some("99301"), Some("1"), Some("\"and 3 more\"")));
    // 23 Nov 2026, 02:01:14 as days since the beginning of 1900.
    let since: f64 = cells(&bytes, 3)["B2"].parse().unwrap();
    assert!((since - 46_349.084_189_8).abs() < 1e-6, "{since}");
    assert!(part(&bytes, "xl/worksheets/sheet2.xml").contains("state=\"frozen\""), "the header stays");
    assert_eq!(xlsx(&sample()).unwrap(), bytes, "the same report, the same bytes");
}

#[test]
fn the_pdf_is_tagged_and_says_what_it_is() {
    let bytes = pdf(&sample()).unwrap();
    assert!(bytes.starts_with(b"%PDF-1.7"));
    let text = String::from_utf8_lossy(&bytes);
    for mark in
        ["/StructTreeRoot", "/MarkInfo", "/Lang", "pdfuaid:part", "/DisplayDocTitle true", "/Outlines"]
    {
        assert!(text.contains(mark), "{mark} is missing");
    }
    for tag in ["/S/H1", "/S/H2", "/S/Table", "/S/THead", "/S/TH", "/S/TD"] {
        assert!(text.replace("/S /", "/S/").contains(tag), "nothing is tagged {tag}");
    }
    assert_eq!(pdf(&sample()).unwrap(), bytes, "the same report, the same bytes");
    let other = Report { title: "Another".to_owned(), ..sample() };
    assert_ne!(pdf(&other).unwrap(), bytes);
}

/// All streams of a document, unpacked where they are packed.
fn streams(document: &[u8]) -> Vec<String> {
    let find = |from: usize, mark: &[u8]| {
        document[from..].windows(mark.len()).position(|window| window == mark).map(|at| from + at)
    };
    let mut streams = Vec::new();
    let mut from = 0;
    while let Some(at) = find(from, b"\nstream\n") {
        let begin = at + 8;
        let end = find(begin, b"\nendstream").unwrap();
        let bytes = &document[begin..end];
        let bytes = miniz_oxide::inflate::decompress_to_vec_zlib(bytes).unwrap_or_else(|_| bytes.to_vec());
        streams.push(bytes.into_iter().map(char::from).collect());
        from = end;
    }
    streams
}

/// Two bytes a glyph, written as digits or as they are.
fn glyphs(shown: &str) -> Vec<u16> {
    let bytes: Vec<u8> = if let Some(digits) = shown.strip_prefix('<') {
        let digits = digits.trim_end_matches('>');
        (0..digits.len() / 2).map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap()).collect()
    } else {
        let mut bytes = Vec::new();
        let mut characters = shown[1..shown.len() - 1].chars().peekable();
        while let Some(character) = characters.next() {
            if character != '\\' {
                bytes.push(u8::try_from(u32::from(character)).unwrap());
                continue;
            }
            match characters.next().unwrap() {
                'n' => bytes.push(b'\n'),
                'r' => bytes.push(b'\r'),
                't' => bytes.push(b'\t'),
                'b' => bytes.push(8),
                'f' => bytes.push(12),
                digit @ '0'..='7' => {
                    let mut code = digit.to_digit(8).unwrap();
                    // Three digits at most.
                    for _ in 0..2 {
                        if let Some(next) = characters.peek().and_then(|next| next.to_digit(8)) {
                            code = code * 8 + next;
                            characters.next();
                        }
                    }
                    bytes.push(u8::try_from(code).unwrap());
                }
                other => bytes.push(u8::try_from(u32::from(other)).unwrap()),
            }
        }
        bytes
    };
    bytes.chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect()
}

/// What somebody who cannot see the pages is given to read, line by line: by each font's own table of characters.
fn read_aloud(document: &[u8]) -> Vec<String> {
    let streams = streams(document);
    let fonts: Vec<BTreeMap<u16, char>> = streams
        .iter()
        .filter(|stream| stream.contains("beginbfchar"))
        .map(|cmap| {
            let entries = cmap.lines().filter(|line| line.starts_with('<') && line.contains("> <"));
            let parsed = entries.filter_map(|line| {
                let mut parts = line.split(['<', '>']).filter(|part| !part.trim().is_empty());
                let (glyph, code) = (parts.next()?, parts.next()?);
                let code = char::from_u32(u32::from_str_radix(code, 16).ok()?)?;
                Some((u16::from_str_radix(glyph, 16).ok()?, code))
            });
            parsed.collect()
        })
        .collect();
    assert_eq!(fonts.len(), 2, "regular and bold");
    let mut lines = Vec::new();
    for page in streams.iter().filter(|stream| stream.contains("BT\n")) {
        for text in page.split("BT\n").skip(1) {
            let text = text.split("\nET").next().unwrap();
            let font = &fonts[usize::from(text.contains("/F2 "))];
            let shown = text.rsplit_once(" Tm\n").unwrap().1.trim_end_matches(" Tj");
            lines.push(glyphs(shown).iter().map(|glyph| font[glyph]).collect());
        }
    }
    lines
}

#[test]
fn the_pdf_reads_aloud_the_same_figures() {
    let lines = read_aloud(&pdf(&sample()).unwrap());
    for words in [
        "Reconciliation of Mon 23 Nov 2026",
        "Müller & Søn, Ωmega",
        "99,302",
        "99,000",
        "99.99 %",
        "99,301",
        "100.00 %",
        "Still open",
        "2026-11-23 02:01",
        "=1+1",
        "and 3 more",
        "Page 1 of 1",
    ] {
        assert!(lines.iter().any(|line| line == words), "{words} is not in {lines:?}");
    }
}
