//! The XML of `ecc_queue.payload`, both ways.
//!
//! A probe is `<parameters>` of `<parameter name value/>` (documented for `Command`; the names of `RESTProbe`'s parameters
//! are those that it echoes). A result is `<results>` with one or more `<result>` and the echoed `<parameters>`
//! (ServiceNow, "MID Server ECC Queue").

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

/// Elements may stand this deep in each other.
const DEPTH_MAX: usize = 16;
/// More elements than this are no result of one request.
const ELEMENTS_MAX: usize = 20_000;
/// Larger payloads are not taken apart. A MID Server sends at most 20,000,000 bytes (KB2717223).
pub const PAYLOAD_BYTES_MAX: usize = 32 * 1024 * 1024;

/// One HTTP request for a MID Server to carry out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// `get`, `post`, `put`, `patch`, `delete`: in small letters, as `RESTMessageV2.setHttpMethod` takes them.
    pub method: String,
    /// The whole address.
    pub url: String,
    /// Headers, credentials among them.
    pub headers: Vec<(String, String)>,
    /// The body; empty without one.
    pub content: String,
}

/// What cannot stand in XML 1.0, whatever the escape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it holds a character that XML cannot carry (U+{code:04X})")]
pub struct Unwritable {
    /// The character.
    pub code: u32,
}

/// What a MID Server gives back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProbeResult {
    /// The EHR's status; none where it did not answer.
    pub status: Option<u16>,
    /// The EHR's headers, as far as they were passed on.
    pub headers: Vec<(String, String)>,
    /// The EHR's body.
    pub body: String,
    /// What went wrong, in the MID Server's words.
    pub error: Option<String>,
}

/// What stands in a payload of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// A result.
    Result(ProbeResult),
    /// `<see_attachment/>`: too long for the column, it is attached to the row.
    Attached,
}

/// A payload that is not what a MID Server writes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Not well-formed, or broken off.
    #[error("its XML is broken off or not well-formed")]
    Broken,
    /// A document type, an entity of its own, or a processing instruction: nothing that a result needs.
    #[error("its XML holds {what}, which is refused")]
    Forbidden {
        /// What it holds.
        what: &'static str,
    },
    /// Too deep, too many elements, too long.
    #[error("its XML is {what}")]
    TooMuch {
        /// In which way.
        what: &'static str,
    },
    /// Another root than `results`.
    #[error("its XML is not the result of a probe")]
    NotAResult,
}

impl Probe {
    /// The payload.
    ///
    /// # Errors
    /// A character that XML cannot carry.
    pub fn to_xml(&self) -> Result<String, Unwritable> {
        let mut fields = String::from("<fields>");
        for (name, value) in &self.headers {
            fields.push_str("<field");
            attribute("name", name, &mut fields)?;
            attribute("value", value, &mut fields)?;
            fields.push_str("/>");
        }
        fields.push_str("</fields>");
        let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?><parameters>");
        let parameters = [
            // Without it the Discovery sensor takes the answer for its own, and marks it as an error (KB0727028).
            ("skip_sensor", "true"),
            ("http_method", self.method.as_str()),
            ("source", self.url.as_str()),
            ("message_headers", fields.as_str()),
            ("content", self.content.as_str()),
        ];
        for (name, value) in parameters {
            if value.is_empty() {
                continue;
            }
            xml.push_str("<parameter");
            attribute("name", name, &mut xml)?;
            attribute("value", value, &mut xml)?;
            xml.push_str("/>");
        }
        xml.push_str("</parameters>");
        Ok(xml)
    }
}

/// One attribute, every character of which comes out again as it went in: line ends and tabs as references, because a
/// reader turns them into blanks otherwise (XML 1.0, 3.3.3).
fn attribute(name: &str, value: &str, out: &mut String) -> Result<(), Unwritable> {
    out.push(' ');
    out.push_str(name);
    out.push_str("=\"");
    for character in value.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' => out.push_str("&#9;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {
                return Err(Unwritable { code: character.into() });
            }
            other => out.push(other),
        }
    }
    out.push('"');
    Ok(())
}

/// Reads the payload of an answer.
///
/// # Errors
/// What no MID Server writes; nothing of it is believed.
pub fn read(xml: &str) -> Result<Payload, Unreadable> {
    let root = parse(xml)?;
    match root.name.as_str() {
        "see_attachment" => Ok(Payload::Attached),
        "results" => Ok(Payload::Result(result(&root))),
        _ => Err(Unreadable::NotAResult),
    }
}

#[derive(Debug, Default)]
struct Element {
    name: String,
    attributes: Vec<(String, String)>,
    children: Vec<Element>,
    text: String,
}

impl Element {
    fn of(start: &BytesStart<'_>) -> Result<Element, Unreadable> {
        let mut attributes = Vec::new();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|_| Unreadable::Broken)?;
            let name = attribute.key.local_name().as_ref().to_owned();
            // Entities of the document's own are not known here, and refused with it.
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|_| Unreadable::Forbidden { what: "an unknown reference" })?;
            attributes.push((name, value.into_owned()));
        }
        let name = start.local_name().as_ref().to_owned();
        Ok(Element { name, attributes, ..Element::default() })
    }

    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// A pair of name and value: two attributes, two children, or the element's own name and its text.
    fn pair(&self) -> Option<(String, String)> {
        let part = |name: &str| {
            self.attribute(name)
                .map(str::to_owned)
                .or_else(|| self.child(name).map(|child| child.text.trim().to_owned()))
        };
        if let Some(name) = part("name") {
            return Some((name, part("value").unwrap_or_else(|| self.text.trim().to_owned())));
        }
        let value = self.text.trim();
        (self.children.is_empty() && !value.is_empty()).then(|| (self.name.clone(), value.to_owned()))
    }
}

fn parse(xml: &str) -> Result<Element, Unreadable> {
    if xml.len() > PAYLOAD_BYTES_MAX {
        return Err(Unreadable::TooMuch { what: "too long" });
    }
    let mut reader = Reader::from_str(xml.trim_start_matches('\u{feff}'));
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    let mut elements = 0_usize;
    loop {
        let event = reader.read_event().map_err(|_| Unreadable::Broken)?;
        match event {
            Event::Start(start) => {
                elements += 1;
                if open.len() >= DEPTH_MAX {
                    return Err(Unreadable::TooMuch { what: "too deep" });
                }
                if root.is_some() {
                    return Err(Unreadable::Broken);
                }
                open.push(Element::of(&start)?);
            }
            Event::Empty(start) => {
                elements += 1;
                close(Element::of(&start)?, &mut open, &mut root)?;
            }
            // That it fits the start was checked by the reader.
            Event::End(_) => {
                let ended = open.pop().ok_or(Unreadable::Broken)?;
                close(ended, &mut open, &mut root)?;
            }
            Event::Text(text) => write_text(&text.xml10_content(), &mut open)?,
            Event::CData(text) => write_text(&text.into_inner(), &mut open)?,
            Event::GeneralRef(reference) => {
                let character = match reference.resolve_char_ref() {
                    Ok(Some(character)) => character,
                    Ok(None) => predefined(&reference)
                        .ok_or(Unreadable::Forbidden { what: "an unknown reference" })?,
                    Err(_) => return Err(Unreadable::Broken),
                };
                write_text(character.encode_utf8(&mut [0; 4]), &mut open)?;
            }
            Event::DocType(_) => return Err(Unreadable::Forbidden { what: "a document type" }),
            Event::PI(_) => return Err(Unreadable::Forbidden { what: "a processing instruction" }),
            Event::Decl(_) | Event::Comment(_) => {}
            Event::Eof => break,
        }
        if elements > ELEMENTS_MAX {
            return Err(Unreadable::TooMuch { what: "of too many parts" });
        }
    }
    if !open.is_empty() {
        return Err(Unreadable::Broken);
    }
    root.ok_or(Unreadable::Broken)
}

fn close(ended: Element, open: &mut [Element], root: &mut Option<Element>) -> Result<(), Unreadable> {
    match open.last_mut() {
        Some(parent) => parent.children.push(ended),
        None if root.is_none() => *root = Some(ended),
        None => return Err(Unreadable::Broken),
    }
    Ok(())
}

fn write_text(text: &str, open: &mut [Element]) -> Result<(), Unreadable> {
    match open.last_mut() {
        Some(element) => element.text.push_str(text),
        None if text.trim().is_empty() => {}
        None => return Err(Unreadable::Broken),
    }
    Ok(())
}

fn predefined(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => return None,
    })
}

fn result(root: &Element) -> ProbeResult {
    let parameters: Vec<(String, String)> = root
        .child("parameters")
        .map(|parameters| parameters.children.iter().filter_map(Element::pair).collect())
        .unwrap_or_default();
    let parameter = |name: &str| {
        parameters
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.trim())
            .filter(|v| !v.is_empty())
    };
    let results: Vec<&Element> = root.children.iter().filter(|child| child.name == "result").collect();
    let body = results.iter().find_map(|result| result.child("output")).map(|output| output.text.clone());
    let headers = std::iter::once(root)
        .chain(results.iter().copied())
        .find_map(|element| element.child("httpHeaders"))
        .map(|headers| headers.children.iter().filter_map(Element::pair).collect())
        .unwrap_or_default();
    let error = std::iter::once(root)
        .chain(results.iter().copied())
        .find_map(|element| {
            element
                .attribute("error")
                .map(str::to_owned)
                .or_else(|| element.child("error").map(|e| e.text.clone()))
        })
        .or_else(|| parameter("error_string").map(str::to_owned))
        .map(|error| error.trim().to_owned())
        .filter(|error| !error.is_empty());
    ProbeResult {
        // 0 stands for no answer (KB2717223).
        status: parameter("http_status_code")
            .and_then(|status| status.parse().ok())
            .filter(|status| (100..=599).contains(status)),
        headers,
        body: body.unwrap_or_default(),
        error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unreadable(xml: &str) -> Unreadable {
        read(xml).expect_err("not taken")
    }

    fn well(xml: &str) -> ProbeResult {
        match read(xml) {
            Ok(Payload::Result(result)) => result,
            other => panic!("{other:?}"),
        }
    }

    /// What a probe says, read by the same rules as a result's parameters.
    fn parameters(xml: &str) -> Vec<(String, String)> {
        parse(xml).expect("well-formed").children.iter().filter_map(Element::pair).collect()
    }

    #[test]
    fn a_probe_says_everything_and_nothing_is_changed_on_the_way() {
        let content = "{\"name\":\"O'Brien <&> \u{e9}\u{1f43e}\",\r\n\t\"note\":\"a  b\"}";
        let probe = Probe {
            method: "put".to_owned(),
            url: "https://ehr.test/api/v1/patients/p-1?a=1&b=\"2\"".to_owned(),
            headers: vec![
                ("If-Match".to_owned(), "W/\"3\"".to_owned()),
                ("Accept".to_owned(), "application/fhir+json, application/json;q=0.9".to_owned()),
            ],
            content: content.to_owned(),
        };
        let said = parameters(&probe.to_xml().expect("fits"));
        let value =
            |name: &str| said.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        assert_eq!(value("skip_sensor"), Some("true"));
        assert_eq!(value("http_method"), Some("put"));
        assert_eq!(value("source"), Some(probe.url.as_str()));
        assert_eq!(value("content"), Some(content), "byte for byte");
        assert_eq!(parameters(value("message_headers").expect("headers")), probe.headers);
        // Without a body there is no content.
        let bare = Probe { content: String::new(), ..probe }.to_xml().expect("fits");
        assert!(!bare.contains("name=\"content\""), "{bare}");
    }

    #[test]
    fn what_xml_cannot_carry_is_refused_before_it_is_sent() {
        for (content, code) in [("a\u{0}b", 0), ("\u{8}", 8), ("\u{fffe}", 0xfffe)] {
            let probe = Probe {
                method: "post".to_owned(),
                url: "https://ehr.test".to_owned(),
                headers: Vec::new(),
                content: content.to_owned(),
            };
            assert_eq!(probe.to_xml(), Err(Unwritable { code }));
        }
    }

    #[test]
    fn a_result_is_read_in_every_form_that_was_seen() {
        let expected = ProbeResult {
            status: Some(200),
            headers: vec![("ETag".to_owned(), "W/\"3\"".to_owned())],
            body: "{\"a\":\"<&>\"}".to_owned(),
            error: None,
        };
        let body = "<result><output>{\"a\":\"&lt;&amp;&#62;\"}</output></result>";
        let status = "<parameter name=\"http_status_code\" value=\"200\"/>";
        for xml in [
            format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?><results probe_time=\"12\">{body}<httpHeaders><httpHeader \
                 name=\"ETag\" value=\"W/&quot;3&quot;\"/></httpHeaders><parameters>{status}</parameters></results>"
            ),
            // Children instead of attributes, the element's name as the header's name, CDATA.
            "<results><result><output><![CDATA[{\"a\":\"<&>\"}]]></output></result><httpHeaders><ETag>W/\"3\"</ETag>\
             </httpHeaders><parameters><http_status_code>200</http_status_code></parameters></results>"
                .to_owned(),
            format!(
                "\u{feff}<results><result><output>{{\"a\":\"&lt;&amp;&gt;\"}}</output><httpHeaders><header>\
                 <name>ETag</name><value>W/\"3\"</value></header></httpHeaders></result><parameters>{status}\
                 </parameters></results>"
            ),
        ] {
            assert_eq!(well(&xml), expected, "{xml}");
        }
        assert_eq!(read("<see_attachment/>"), Ok(Payload::Attached));
    }

    #[test]
    fn an_error_is_found_wherever_it_stands() {
        for xml in [
            "<results error=\"java.net.ConnectException: Connection refused\"><result/></results>",
            "<results><result error=\"java.net.ConnectException: Connection refused\"/></results>",
            "<results><result><error>java.net.ConnectException: Connection refused</error></result></results>",
            "<results><result/><parameters><parameter name=\"http_status_code\" value=\"0\"/><parameter \
             name=\"error_string\" value=\"java.net.ConnectException: Connection refused\"/></parameters></results>",
        ] {
            let result = well(xml);
            assert_eq!(
                result.error.as_deref(),
                Some("java.net.ConnectException: Connection refused"),
                "{xml}"
            );
            assert_eq!(result.status, None);
        }
        assert_eq!(well("<results><result><error> </error></result></results>").error, None);
    }

    #[test]
    fn hostile_xml_is_refused() {
        let entities = "<!DOCTYPE r [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><results>&b;</results>";
        assert_eq!(unreadable(entities), Unreadable::Forbidden { what: "a document type" });
        for xml in ["<results>&b;</results>", "<results error=\"&b;\"/>"] {
            assert_eq!(unreadable(xml), Unreadable::Forbidden { what: "an unknown reference" }, "{xml}");
        }
        assert!(matches!(unreadable("<results><?php x?></results>"), Unreadable::Forbidden { .. }));
        let deep = format!("{}{}", "<a>".repeat(40), "</a>".repeat(40));
        assert_eq!(unreadable(&deep), Unreadable::TooMuch { what: "too deep" });
        let many = format!("<results>{}</results>", "<a/>".repeat(ELEMENTS_MAX + 1));
        assert_eq!(unreadable(&many), Unreadable::TooMuch { what: "of too many parts" });
        let long = " ".repeat(PAYLOAD_BYTES_MAX + 1);
        assert_eq!(unreadable(&long), Unreadable::TooMuch { what: "too long" });
    }

    #[test]
    fn what_is_broken_off_or_something_else_is_not_believed() {
        for xml in
            ["", "text", "<results>", "<results><result></results>", "<results/><results/>", "<results/>x"]
        {
            assert_eq!(unreadable(xml), Unreadable::Broken, "{xml}");
        }
        assert_eq!(unreadable("<html/>"), Unreadable::NotAResult);
        // Half of a result is none.
        let whole = "<results><result><output>{}</output></result></results>";
        for cut in 1..whole.len() - 1 {
            assert!(read(&whole[..cut]).is_err(), "{cut}");
        }
    }
}
