//! What a MID Server reads and writes in `ecc_queue.payload`.

use quick_xml::events::Event;
use quick_xml::{Reader, XmlVersion};

/// A request to carry out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Probe {
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub content: String,
    /// Everything that was said, to be echoed.
    pub parameters: Vec<(String, String)>,
}

/// What the EHR answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// Pairs of `name` and `value`, whatever their elements are called; `None` where the XML is not well-formed.
fn pairs(xml: &str) -> Option<Vec<(String, String)>> {
    let mut reader = Reader::from_str(xml);
    let mut found = Vec::new();
    let mut depth = 0_i32;
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) | Event::Empty(start) => {
                let mut name = None;
                let mut value = None;
                for attribute in start.attributes() {
                    let attribute = attribute.ok()?;
                    let text = attribute.normalized_value(XmlVersion::Implicit1_0).ok()?.into_owned();
                    match attribute.key.as_ref() {
                        "name" => name = Some(text),
                        "value" => value = Some(text),
                        _ => {}
                    }
                }
                if let (Some(name), Some(value)) = (name, value) {
                    found.push((name, value));
                }
                depth += 1;
            }
            Event::Eof => break,
            _ => {}
        }
    }
    (depth > 0).then_some(found)
}

/// A row's payload; method and address stand in the row as well.
pub(super) fn read_probe(payload: &str, name: &str, source: &str) -> Option<Probe> {
    let parameters = pairs(payload)?;
    let said =
        |wanted: &str| parameters.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
    let headers = match said("message_headers") {
        Some(fields) => pairs(&fields)?,
        None => Vec::new(),
    };
    Some(Probe {
        method: said("http_method").unwrap_or_else(|| name.to_owned()),
        url: said("source").unwrap_or_else(|| source.to_owned()),
        headers,
        content: said("content").unwrap_or_default(),
        parameters,
    })
}

fn escaped(text: &str, out: &mut String) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#13;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            other => out.push(other),
        }
    }
}

fn pair(element: &str, name: &str, value: &str, out: &mut String) {
    out.push('<');
    out.push_str(element);
    out.push_str(" name=\"");
    escaped(name, out);
    out.push_str("\" value=\"");
    escaped(value, out);
    out.push_str("\"/>");
}

fn echoed(probe: &Probe, status: u16, out: &mut String) {
    out.push_str("<parameters>");
    for (name, value) in &probe.parameters {
        pair("parameter", name, value, out);
    }
    pair("parameter", "http_status_code", &status.to_string(), out);
    out.push_str("</parameters></results>");
}

/// The payload for an answer.
pub(super) fn answer(answer: &Answer, probe: &Probe) -> String {
    let mut out =
        String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?><results probe_time=\"7\"><result><output>");
    escaped(&answer.body, &mut out);
    out.push_str("</output></result>");
    if !answer.headers.is_empty() {
        out.push_str("<httpHeaders>");
        for (name, value) in &answer.headers {
            pair("httpHeader", name, value, &mut out);
        }
        out.push_str("</httpHeaders>");
    }
    echoed(probe, answer.status, &mut out);
    out
}

/// The payload for a failure.
pub(super) fn error(error: &str, probe: &Probe) -> String {
    let mut out =
        String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?><results probe_time=\"7\" error=\"");
    escaped(error, &mut out);
    out.push_str("\"><result error=\"");
    escaped(error, &mut out);
    out.push_str("\"/>");
    echoed(probe, 0, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_is_read_as_it_was_written() {
        let payload = "<?xml version=\"1.0\"?><parameters><parameter name=\"http_method\" value=\"put\"/><parameter \
                       name=\"message_headers\" value=\"&lt;fields&gt;&lt;field name=&quot;If-Match&quot; \
                       value=&quot;W/&amp;quot;3&amp;quot;&quot;/&gt;&lt;/fields&gt;\"/><parameter name=\"content\" \
                       value=\"{&quot;a&quot;:&#10;1}\"/></parameters>";
        let probe = read_probe(payload, "get", "https://ehr.test/p-1").expect("well-formed");
        assert_eq!((probe.method.as_str(), probe.url.as_str()), ("put", "https://ehr.test/p-1"));
        assert_eq!(probe.headers, [("If-Match".to_owned(), "W/\"3\"".to_owned())]);
        assert_eq!(probe.content, "{\"a\":\n1}");
        assert!(read_probe("no xml", "get", "x").is_none());
    }
}
