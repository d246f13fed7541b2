//! What the document says of itself: title, hospital, when it was true, and which standard it keeps.

use super::draw::LANGUAGE;
use crate::Report;
use crate::value::Stamp;
use chrono::{Datelike as _, Timelike as _};
use pdf_writer::{Date, Pdf, Ref, TextStr};

const PROGRAM: &str = "VetSync";

/// Writes it twice, as the format asks: for readers of XMP and for older ones.
pub fn write(pdf: &mut Pdf, xmp: Ref, info: Ref, report: &Report) {
    pdf.metadata(xmp, packet(report).as_bytes());
    let mut entries = pdf.document_info(info);
    entries.title(TextStr(&report.title)).author(TextStr(&report.hospital)).subject(TextStr(&report.subject));
    entries.creator(TextStr(PROGRAM)).producer(TextStr(PROGRAM)).creation_date(date(report.as_of));
}

fn date(stamp: Stamp) -> Date {
    let (at, offset) = (stamp.local, stamp.offset_minutes);
    let small = |number: u32| u8::try_from(number).unwrap_or_default();
    Date::new(u16::try_from(at.year()).unwrap_or_default())
        .month(small(at.month()))
        .day(small(at.day()))
        .hour(small(at.hour()))
        .minute(small(at.minute()))
        .second(small(at.second()))
        .utc_offset_hour(i8::try_from(offset / 60).unwrap_or_default())
        .utc_offset_minute(small((offset % 60).unsigned_abs()))
}

/// XMP with the identifier of PDF/UA (ISO 14289-1, 5).
fn packet(report: &Report) -> String {
    let offset = report.as_of.offset_minutes;
    let sign = if offset < 0 { '-' } else { '+' };
    let created = format!(
        "{}{sign}{:02}:{:02}",
        report.as_of.local.format("%Y-%m-%dT%H:%M:%S"),
        offset.abs() / 60,
        offset.abs() % 60
    );
    let (title, subject, hospital) =
        (escaped(&report.title), escaped(&report.subject), escaped(&report.hospital));
    format!(
        "<?xpacket begin=\"\u{feff}\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n\
         <x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\
         <rdf:Description rdf:about=\"\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\" \
         xmlns:xmp=\"http://ns.adobe.com/xap/1.0/\" xmlns:pdf=\"http://ns.adobe.com/pdf/1.3/\" \
         xmlns:pdfuaid=\"http://www.aiim.org/pdfua/ns/id/\">\
         <dc:format>application/pdf</dc:format>\
         <dc:title><rdf:Alt><rdf:li xml:lang=\"x-default\">{title}</rdf:li></rdf:Alt></dc:title>\
         <dc:description><rdf:Alt><rdf:li xml:lang=\"x-default\">{subject}</rdf:li></rdf:Alt></dc:description>\
         <dc:creator><rdf:Seq><rdf:li>{hospital}</rdf:li></rdf:Seq></dc:creator>\
         <dc:language><rdf:Bag><rdf:li>{LANGUAGE}</rdf:li></rdf:Bag></dc:language>\
         <xmp:CreatorTool>{PROGRAM}</xmp:CreatorTool><xmp:CreateDate>{created}</xmp:CreateDate>\
         <pdf:Producer>{PROGRAM}</pdf:Producer><pdfuaid:part>1</pdfuaid:part>\
         </rdf:Description></rdf:RDF></x:xmpmeta>\n<?xpacket end=\"r\"?>"
    )
}

fn escaped(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).fold(
        String::with_capacity(text.len()),
        |mut out, character| {
            match character {
                '&' => out.push_str("&amp;"),
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                other => out.push(other),
            }
            out
        },
    )
}
