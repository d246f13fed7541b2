//! The stored form of values: JSON without what can be derived, since a hospital's store holds millions of them.

use super::{ChipClass, Microchip, Neuter, PartialDate, Quantity, Sex, SexStatus, Status};
use crate::codes::appointment_status::AppointmentStatus;
use serde::de::{Error, IgnoredAny, SeqAccess, Visitor};
use serde::ser::SerializeTuple;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

/// Text of the kind `2019-06`.
impl Serialize for PartialDate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = String::with_capacity(10);
        self.push_to(&mut text);
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for PartialDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text: Cow<'de, str> = Deserialize::deserialize(deserializer)?;
        super::date::parse(&text).map_err(D::Error::custom)
    }
}

/// A type stored as a list of texts: two that are always there, and one that may be.
trait ThreeTexts: Sized {
    const EXPECTED: &'static str;
    fn texts(&self) -> (&str, &str, Option<&str>);
    fn from_texts(first: String, second: &str, third: Option<String>) -> Option<Self>;
}

fn write_texts<T: ThreeTexts, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    let (first, second, third) = value.texts();
    let mut tuple = serializer.serialize_tuple(2 + usize::from(third.is_some()))?;
    tuple.serialize_element(first)?;
    tuple.serialize_element(second)?;
    if let Some(third) = third {
        tuple.serialize_element(third)?;
    }
    tuple.end()
}

struct TextsVisitor<T>(PhantomData<T>);

impl<'de, T: ThreeTexts> Visitor<'de> for TextsVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<T, A::Error> {
        let first: String = list.next_element()?.ok_or_else(|| A::Error::invalid_length(0, &self))?;
        let second: Cow<'de, str> = list.next_element()?.ok_or_else(|| A::Error::invalid_length(1, &self))?;
        let third: Option<String> = list.next_element()?;
        if list.next_element::<IgnoredAny>()?.is_some() {
            return Err(A::Error::invalid_length(4, &self));
        }
        T::from_texts(first, &second, third).ok_or_else(|| A::Error::custom(T::EXPECTED))
    }
}

macro_rules! stored_as_texts {
    ($type:ty) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                write_texts(self, serializer)
            }
        }
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_seq(TextsVisitor(PhantomData))
            }
        }
    };
}

stored_as_texts!(SexStatus);
stored_as_texts!(Microchip);
stored_as_texts!(Quantity);
stored_as_texts!(Status);

impl ThreeTexts for SexStatus {
    const EXPECTED: &'static str = "a sex, a neuter status and perhaps a term";

    fn texts(&self) -> (&str, &str, Option<&str>) {
        (self.sex.code(), self.neuter.code(), self.term.as_deref())
    }

    fn from_texts(first: String, second: &str, third: Option<String>) -> Option<Self> {
        Some(SexStatus { sex: Sex::from_code(&first)?, neuter: Neuter::from_code(second)?, term: third })
    }
}

impl ThreeTexts for Status {
    const EXPECTED: &'static str = "a status as written and its FHIR code";

    fn texts(&self) -> (&str, &str, Option<&str>) {
        (&self.raw, self.meaning.code(), None)
    }

    fn from_texts(first: String, second: &str, third: Option<String>) -> Option<Self> {
        let meaning = AppointmentStatus::from_code(second)?;
        third.is_none().then_some(Status { raw: first, meaning })
    }
}

impl ThreeTexts for Microchip {
    const EXPECTED: &'static str = "a microchip number, its class and perhaps its normal form";

    fn texts(&self) -> (&str, &str, Option<&str>) {
        (&self.raw, self.class.as_str(), (self.normal != self.raw).then_some(self.normal.as_str()))
    }

    fn from_texts(first: String, second: &str, third: Option<String>) -> Option<Self> {
        let class = ChipClass::from_name(second)?;
        Some(Microchip { normal: third.unwrap_or_else(|| first.clone()), raw: first, class })
    }
}

impl ThreeTexts for Quantity {
    const EXPECTED: &'static str = "a number and its unit";

    fn texts(&self) -> (&str, &str, Option<&str>) {
        (&self.number, &self.unit, None)
    }

    fn from_texts(first: String, second: &str, third: Option<String>) -> Option<Self> {
        third.is_none().then(|| Quantity::new(&first, second).ok()).flatten()
    }
}

impl ChipClass {
    /// The stable name of the class.
    pub const fn as_str(self) -> &'static str {
        match self {
            ChipClass::Iso15 => "iso15",
            ChipClass::Legacy9 => "legacy9",
            ChipClass::Legacy10 => "legacy10",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<ChipClass> {
        [ChipClass::Iso15, ChipClass::Legacy9, ChipClass::Legacy10]
            .into_iter()
            .find(|class| class.as_str() == name)
    }
}
