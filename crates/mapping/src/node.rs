//! What reading needs of a JSON document, whether it is the editable [`Json`] or the [`Tape`] of [`crate::fast`]:
//! one set of reading rules serves both.

use record::Json;
use std::borrow::Cow;

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

/// A document laid out flat in the order it is written: one allocation for the whole, texts borrowed from the source.
#[derive(Debug)]
pub(crate) struct Tape<'s> {
    slots: Vec<Slot<'s>>,
}

#[derive(Debug)]
struct Slot<'s> {
    /// The member's name; empty in arrays.
    key: Cow<'s, str>,
    value: Held<'s>,
    /// Where the next sibling stands.
    end: usize,
}

#[derive(Debug)]
enum Held<'s> {
    Null,
    Bool(bool),
    Number(&'s str),
    String(Cow<'s, str>),
    Array,
    Object,
}

/// Nested as deep as [`Json::parse`] allows.
const DEPTH_MAX: usize = 64;

impl<'s> Tape<'s> {
    /// Reads one document; `None` where it is not JSON or nested too deep.
    pub(crate) fn parse(text: &'s str) -> Option<Tape<'s>> {
        let mut reader = Reader { text, at: 0, slots: Vec::with_capacity(text.len() / 16 + 8) };
        reader.value(Cow::Borrowed(""), 0)?;
        reader.blanks();
        (reader.at == text.len()).then_some(Tape { slots: reader.slots })
    }

    /// The document.
    pub(crate) fn root(&self) -> Place<'_> {
        Place { slots: &self.slots, at: 0 }
    }
}

/// A place on a [`Tape`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    slots: &'a [Slot<'a>],
    at: usize,
}

impl<'a> Place<'a> {
    fn children(self) -> impl Iterator<Item = (&'a Slot<'a>, Place<'a>)> {
        let end = self.slots.get(self.at).map_or(0, |slot| slot.end);
        let mut at = self.at + 1;
        std::iter::from_fn(move || {
            let slot = self.slots.get(at).filter(|_| at < end)?;
            let place = Place { slots: self.slots, at };
            at = slot.end;
            Some((slot, place))
        })
    }

    fn held(self) -> Option<&'a Held<'a>> {
        self.slots.get(self.at).map(|slot| &slot.value)
    }
}

impl<'a> Node<'a> for Place<'a> {
    fn get(self, key: &str) -> Option<Self> {
        let is_object = matches!(self.held(), Some(Held::Object));
        self.children().find(|(slot, _)| is_object && slot.key == key).map(|(_, place)| place)
    }

    fn items(self) -> impl Iterator<Item = Self> {
        let is_array = matches!(self.held(), Some(Held::Array));
        self.children().filter(move |_| is_array).map(|(_, place)| place)
    }

    fn members(self) -> impl Iterator<Item = (&'a str, Self)> {
        let is_object = matches!(self.held(), Some(Held::Object));
        self.children().filter(move |_| is_object).map(|(slot, place)| (slot.key.as_ref(), place))
    }

    fn scalar(self) -> Scalar<'a> {
        match self.held() {
            None | Some(Held::Null) => Scalar::Null,
            Some(Held::Bool(flag)) => Scalar::Bool(*flag),
            Some(Held::Number(lexeme)) => Scalar::Number(lexeme),
            Some(Held::String(text)) => Scalar::String(text),
            Some(Held::Array) => Scalar::Array,
            Some(Held::Object) => Scalar::Object,
        }
    }
}

/// A strict JSON reader (RFC 8259): whatever it takes, [`Json::parse`] takes too and reads the same.
struct Reader<'s> {
    text: &'s str,
    at: usize,
    slots: Vec<Slot<'s>>,
}

impl<'s> Reader<'s> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn word(&mut self, word: &str) -> Option<()> {
        self.text.get(self.at..)?.starts_with(word).then(|| self.at += word.len())
    }

    /// Reads a value into a slot, and everything below it into the slots that follow.
    fn value(&mut self, key: Cow<'s, str>, depth: usize) -> Option<()> {
        if depth > DEPTH_MAX {
            return None;
        }
        self.blanks();
        let slot = self.slots.len();
        self.slots.push(Slot { key, value: Held::Null, end: slot + 1 });
        let held = match self.peek()? {
            b'{' => {
                self.members(depth)?;
                Held::Object
            }
            b'[' => {
                self.elements(depth)?;
                Held::Array
            }
            b'"' => Held::String(self.string()?),
            b't' => self.word("true").map(|()| Held::Bool(true))?,
            b'f' => self.word("false").map(|()| Held::Bool(false))?,
            b'n' => self.word("null").map(|()| Held::Null)?,
            _ => Held::Number(self.number()?),
        };
        let end = self.slots.len();
        let slot = self.slots.get_mut(slot)?;
        slot.value = held;
        slot.end = end;
        Some(())
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
            self.value(Cow::Borrowed(""), depth + 1)?;
            self.blanks();
            if self.take(b',').is_none() {
                return self.take(b']');
            }
        }
    }

    fn string(&mut self) -> Option<Cow<'s, str>> {
        self.take(b'"')?;
        let start = self.at;
        let length = plain_length(self.text.as_bytes().get(start..)?);
        self.at += length;
        if self.peek()? == b'"' {
            self.at += 1;
            return self.text.get(start..start + length).map(Cow::Borrowed);
        }
        // With an escape, or a control character, which is an error: left to serde_json.
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        serde_json::from_str::<String>(self.text.get(start - 1..self.at)?).ok().map(Cow::Owned)
    }

    fn number(&mut self) -> Option<&'s str> {
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
        self.text.get(start..self.at)
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
            let tape = Tape::parse(&text).expect("JSON");
            prop_assert_eq!(rebuilt(tape.root()), document);
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
            if let Some(tape) = Tape::parse(&text) {
                prop_assert_eq!(Ok(rebuilt(tape.root())), Json::parse(&text));
            }
        }
    }

    #[test]
    fn depth_is_bounded() {
        let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(Tape::parse(&deep(60)).is_some());
        assert!(Tape::parse(&deep(100_000)).is_none());
    }
}
