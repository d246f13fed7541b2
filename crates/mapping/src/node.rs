//! What reading needs of a JSON document, whether it is the editable [`Json`] or the [`Tape`] of [`crate::fast`]:
//! one set of reading rules serves both.

use record::Json;

/// A place in a document that is only read.
pub(crate) trait Node<'a>: Copy {
    /// The member of an object; the first of that name.
    fn get(self, key: &str) -> Option<Self>;
    /// The elements of an array; nothing for anything else.
    fn items(self) -> impl Iterator<Item = Self>;
    /// The members of an object; nothing for anything else.
    fn members(self) -> impl Iterator<Item = (&'a str, Self)>;
    /// What stands there.
    fn scalar(self) -> Scalar<'a>;
}

/// A scalar, or that something is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scalar<'a> {
    Null,
    Bool(bool),
    /// As it was written.
    Number(&'a str),
    String(&'a str),
    /// An array.
    Array,
    /// An object.
    Object,
}

impl<'a> Node<'a> for &'a Json {
    fn get(self, key: &str) -> Option<Self> {
        Json::get(self, key)
    }

    fn items(self) -> impl Iterator<Item = Self> {
        Json::items(self).iter()
    }

    fn members(self) -> impl Iterator<Item = (&'a str, Self)> {
        Json::members(self).iter().map(|(key, value)| (key.as_str(), value))
    }

    fn scalar(self) -> Scalar<'a> {
        match self {
            Json::Null => Scalar::Null,
            Json::Bool(flag) => Scalar::Bool(*flag),
            Json::Number(lexeme) => Scalar::Number(lexeme),
            Json::String(text) => Scalar::String(text),
            Json::Array(_) => Scalar::Array,
            Json::Object(_) => Scalar::Object,
        }
    }
}

/// A document laid out flat in the order it is written: places in the text instead of texts, so that one tape serves
/// any number of documents, one after the other, without allocating.
#[derive(Debug, Default)]
pub(crate) struct Tape {
    slots: Vec<Slot>,
    /// Strings that are written with escapes, without them.
    unescaped: String,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    /// The member's name; empty in arrays.
    key: Span,
    /// The text of a string or number.
    text: Span,
    /// Where the next sibling stands.
    end: u32,
    held: Held,
}

/// A stretch of the document's text, or of the unescaped strings.
#[derive(Debug, Clone, Copy, Default)]
struct Span {
    at: u32,
    length: u32,
    unescaped: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    Null,
    True,
    False,
    Number,
    String,
    Array,
    Object,
}

/// Nested as deep as [`Json::parse`] allows.
const DEPTH_MAX: usize = 64;

impl Tape {
    /// Lays out a document; `None` where the text is not JSON or nested too deep.
    pub(crate) fn lay_out<'a>(&'a mut self, text: &'a str) -> Option<Place<'a>> {
        self.slots.clear();
        self.unescaped.clear();
        // Places are counted in 32 bits.
        u32::try_from(text.len()).ok()?;
        let mut reader = Reader { text, at: 0, tape: self };
        reader.value(Span::default(), 0)?;
        reader.blanks();
        (reader.at == text.len()).then_some(Place { tape: self, text, at: 0 })
    }
}

/// A place on a [`Tape`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    tape: &'a Tape,
    text: &'a str,
    at: usize,
}

impl<'a> Place<'a> {
    fn slot(self) -> Option<&'a Slot> {
        self.tape.slots.get(self.at)
    }

    #[inline]
    fn read(self, span: Span) -> &'a str {
        let (at, length) = (span.at as usize, span.length as usize);
        let from = if span.unescaped { self.tape.unescaped.as_str() } else { self.text };
        from.get(at..at + length).unwrap_or_default()
    }

    #[inline]
    fn bytes(self, span: Span) -> &'a [u8] {
        let (at, length) = (span.at as usize, span.length as usize);
        let from = if span.unescaped { self.tape.unescaped.as_bytes() } else { self.text.as_bytes() };
        from.get(at..at + length).unwrap_or_default()
    }

    /// What stands in it, if it is of that kind.
    #[inline]
    fn children(self, kind: Held) -> impl Iterator<Item = (&'a Slot, Place<'a>)> {
        let end = self.slot().filter(|slot| slot.held == kind).map_or(0, |slot| slot.end as usize);
        let mut at = self.at + 1;
        std::iter::from_fn(move || {
            let slot = self.tape.slots.get(at).filter(|_| at < end)?;
            let place = Place { at, ..self };
            at = slot.end as usize;
            Some((slot, place))
        })
    }
}

impl<'a> Node<'a> for Place<'a> {
    #[inline]
    fn get(self, key: &str) -> Option<Self> {
        let slots = self.tape.slots.as_slice();
        let (mut at, end) = match slots.get(self.at) {
            Some(slot) if slot.held == Held::Object => (self.at + 1, slot.end as usize),
            _ => return None,
        };
        while at < end {
            let slot = slots.get(at)?;
            if slot.key.length as usize == key.len() && self.bytes(slot.key) == key.as_bytes() {
                return Some(Place { at, ..self });
            }
            at = slot.end as usize;
        }
        None
    }

    fn items(self) -> impl Iterator<Item = Self> {
        self.children(Held::Array).map(|(_, place)| place)
    }

    fn members(self) -> impl Iterator<Item = (&'a str, Self)> {
        self.children(Held::Object).map(move |(slot, place)| (self.read(slot.key), place))
    }

    #[inline]
    fn scalar(self) -> Scalar<'a> {
        let Some(slot) = self.slot() else { return Scalar::Null };
        match slot.held {
            Held::Null => Scalar::Null,
            Held::True => Scalar::Bool(true),
            Held::False => Scalar::Bool(false),
            Held::Number => Scalar::Number(self.read(slot.text)),
            Held::String => Scalar::String(self.read(slot.text)),
            Held::Array => Scalar::Array,
            Held::Object => Scalar::Object,
        }
    }
}

/// A strict JSON reader (RFC 8259): whatever it takes, [`Json::parse`] takes too and reads the same.
struct Reader<'s> {
    text: &'s str,
    at: usize,
    tape: &'s mut Tape,
}

/// A length or a place; documents are shorter than that.
#[allow(clippy::cast_possible_truncation, reason = "documents are shorter than that")]
const fn short(length: usize) -> u32 {
    length as u32
}

impl Reader<'_> {
    #[inline]
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    #[inline]
    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    #[inline]
    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn word(&mut self, word: &str) -> Option<()> {
        self.text.get(self.at..)?.starts_with(word).then(|| self.at += word.len())
    }

    /// Reads a value into a slot, and everything below it into the slots that follow.
    fn value(&mut self, key: Span, depth: usize) -> Option<()> {
        self.blanks();
        let slot = self.tape.slots.len();
        let mut plain = |held: Held, text: Span| {
            self.tape.slots.push(Slot { key, text, end: short(slot + 1), held });
        };
        match self.text.as_bytes().get(self.at)? {
            b'"' => {
                let text = self.string()?;
                self.tape.slots.push(Slot { key, text, end: short(slot + 1), held: Held::String });
                return Some(());
            }
            open @ (b'{' | b'[') => {
                if depth >= DEPTH_MAX {
                    return None;
                }
                let held = if *open == b'{' { Held::Object } else { Held::Array };
                plain(held, Span::default());
                if held == Held::Object {
                    self.members(depth)?;
                } else {
                    self.elements(depth)?;
                }
                let end = short(self.tape.slots.len());
                self.tape.slots.get_mut(slot)?.end = end;
                return Some(());
            }
            b't' => plain(Held::True, Span::default()),
            b'f' => plain(Held::False, Span::default()),
            b'n' => plain(Held::Null, Span::default()),
            _ => {
                let text = self.number()?;
                self.tape.slots.push(Slot { key, text, end: short(slot + 1), held: Held::Number });
                return Some(());
            }
        }
        match self.peek()? {
            b't' => self.word("true"),
            b'f' => self.word("false"),
            _ => self.word("null"),
        }
    }

    fn members(&mut self, depth: usize) -> Option<()> {
        self.take(b'{')?;
        self.blanks();
        if self.take(b'}').is_some() {
            return Some(());
        }
        loop {
            self.blanks();
            let key = self.string()?;
            self.blanks();
            self.take(b':')?;
            self.value(key, depth + 1)?;
            self.blanks();
            if self.take(b',').is_none() {
                return self.take(b'}');
            }
        }
    }

    fn elements(&mut self, depth: usize) -> Option<()> {
        self.take(b'[')?;
        self.blanks();
        if self.take(b']').is_some() {
            return Some(());
        }
        loop {
            self.value(Span::default(), depth + 1)?;
            self.blanks();
            if self.take(b',').is_none() {
                return self.take(b']');
            }
        }
    }

    #[inline]
    fn string(&mut self) -> Option<Span> {
        self.take(b'"')?;
        let start = self.at;
        let length = plain_length(self.text.as_bytes().get(start..)?);
        self.at += length;
        if self.peek()? == b'"' {
            self.at += 1;
            return Some(Span { at: short(start), length: short(length), unescaped: false });
        }
        self.escaped(start)
    }

    /// A string with an escape, from its beginning.
    fn escaped(&mut self, start: usize) -> Option<Span> {
        let at = self.tape.unescaped.len();
        let mut run = start;
        loop {
            // Both ends stand beside ASCII, so they are character boundaries.
            self.tape.unescaped.push_str(self.text.get(run..self.at)?);
            let character = match (self.peek()?, self.text.as_bytes().get(self.at + 1)) {
                (b'"', _) => break,
                (b'\\', Some(b'n')) => '\n',
                (b'\\', Some(b'r')) => '\r',
                (b'\\', Some(b't')) => '\t',
                (b'\\', Some(b'"')) => '"',
                (b'\\', Some(b'\\')) => '\\',
                (b'\\', Some(b'/')) => '/',
                _ => return self.escaped_rarely(start, at),
            };
            self.tape.unescaped.push(character);
            self.at += 2;
            run = self.at;
            self.at += plain_length(self.text.as_bytes().get(run..)?);
        }
        self.at += 1;
        Some(Span { at: short(at), length: short(self.tape.unescaped.len() - at), unescaped: true })
    }

    /// A string with another escape, or with a control character, which is an error: left to `serde_json`.
    #[cold]
    fn escaped_rarely(&mut self, start: usize, at: usize) -> Option<Span> {
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        let text = serde_json::from_str::<String>(self.text.get(start - 1..self.at)?).ok()?;
        self.tape.unescaped.truncate(at);
        self.tape.unescaped.push_str(&text);
        Some(Span { at: short(at), length: short(text.len()), unescaped: true })
    }

    fn number(&mut self) -> Option<Span> {
        let start = self.at;
        let _ = self.take(b'-');
        let whole = self.digits();
        if whole == 0 || (whole > 1 && self.text.as_bytes().get(self.at - whole) == Some(&b'0')) {
            return None;
        }
        if self.take(b'.').is_some() && self.digits() == 0 {
            return None;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if self.digits() == 0 {
                return None;
            }
        }
        Some(Span { at: short(start), length: short(self.at - start), unescaped: false })
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - start
    }
}

/// How many bytes stand before a quote, a backslash or a control character: eight at a time.
fn plain_length(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = 0x8080_8080_8080_8080;
    // A byte that is zero in `word` has its top bit set in the result; higher bytes may be marked falsely, the lowest
    // mark is right.
    let zero = |word: u64| word.wrapping_sub(ONES) & !word & TOPS;
    let mut length = 0;
    while let Some(chunk) = bytes.get(length..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*chunk);
        let control = word.wrapping_sub(ONES * 0x20) & !word & TOPS;
        let marks = zero(word ^ (ONES * u64::from(b'"'))) | zero(word ^ (ONES * u64::from(b'\\'))) | control;
        if marks != 0 {
            return length + (marks.trailing_zeros() / 8) as usize;
        }
        length += 8;
    }
    bytes
        .iter()
        .skip(length)
        .position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f))
        .map_or(bytes.len(), |more| length + more)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rebuilt(place: Place<'_>) -> Json {
        match place.scalar() {
            Scalar::Null => Json::Null,
            Scalar::Bool(flag) => Json::Bool(flag),
            Scalar::Number(lexeme) => Json::Number(lexeme.to_owned()),
            Scalar::String(text) => Json::str(text),
            Scalar::Array => Json::Array(place.items().map(rebuilt).collect()),
            Scalar::Object => {
                Json::Object(place.members().map(|(key, value)| (key.to_owned(), rebuilt(value))).collect())
            }
        }
    }

    fn documents() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::Bool),
            "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,2})?".prop_map(Json::Number),
            "[ -~\\t\\n\u{80}-\u{2030}]{0,24}".prop_map(Json::String),
        ];
        leaf.prop_recursive(4, 48, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Json::Array),
                proptest::collection::vec(("[a-c\"\\\\]{0,3}", inner), 0..6).prop_map(Json::Object),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_tape_holds_what_the_document_holds(document in documents()) {
            let text = document.to_string();
            // A used tape is as good as a new one.
            let mut tape = Tape::default();
            tape.lay_out("[{\"a\": \"\\n\"}, 1]").expect("JSON");
            prop_assert_eq!(rebuilt(tape.lay_out(&text).expect("JSON")), document);
        }

        /// Damaged text: what the tape takes, `Json` takes, and both read the same.
        #[test]
        fn a_tape_takes_nothing_more(document in documents(), at in 0_usize..200, byte in "[\\]\\[{}\",:\\\\0-9a-e \u{1}.+-]") {
            let mut text = document.to_string();
            let mut at = at % (text.len() + 1);
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            text.insert_str(at, &byte);
            if let Some(root) = Tape::default().lay_out(&text) {
                prop_assert_eq!(Ok(rebuilt(root)), Json::parse(&text));
            }
        }
    }

    #[test]
    fn depth_is_bounded() {
        let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(Tape::default().lay_out(&deep(60)).is_some());
        assert!(Tape::default().lay_out(&deep(100_000)).is_none());
        // As deep as an editable document may be, and no deeper.
        for levels in 60..70 {
            let objects = format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels));
            for text in [deep(levels), objects] {
                assert_eq!(Tape::default().lay_out(&text).is_some(), Json::parse(&text).is_ok(), "{levels}");
            }
        }
    }
}
