//! JSON is written back as it was read.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

use proptest::prelude::*;
use record::Json;

#[test]
fn what_other_readers_lose() {
    // Written back to the byte: digits, order of keys, and keys that stand twice.
    let kept = [
        r#"{"value":4.10}"#,
        r#"{"b":1,"a":2}"#,
        r#"{"a":1,"a":2}"#,
        r"[1e400,-0.0,100000000000000000000001,1E+2,0.1000000000000000055511151231257827]",
        r#"["\"\\\n\r\t\u0001","é","😀"]"#,
        r#"{"birthDate":null,"_birthDate":{"extension":[]}}"#,
        "true",
        r#""""#,
    ];
    for text in kept {
        assert_eq!(Json::parse(text).map(|json| json.to_string()), Ok(text.to_owned()));
    }
}

#[test]
fn other_spellings_of_the_same_document() {
    // (read, written)
    let cases = [
        (" { \"a\" : [ 1 , 2 ] } ", r#"{"a":[1,2]}"#),
        (r#""\u00e9\/""#, "\"\u{e9}/\""),
        (r#""\ud83d\ude00""#, "\"\u{1f600}\""),
        // The first and the last character of two halves, and the ones beside the halves.
        (r#""\ud800\udc00\udbff\udfff""#, "\"\u{10000}\u{10ffff}\""),
        (r#""\ud7ff\ue000""#, "\"\u{d7ff}\u{e000}\""),
        (r#""\b\f\u001F\u0020""#, r#""\u0008\u000c\u001f ""#),
        ("\r\n\t[\r\n\t]", "[]"),
        ("{ }", "{}"),
    ];
    for (read, written) in cases {
        assert_eq!(Json::parse(read).map(|json| json.to_string()), Ok(written.to_owned()));
    }
}

#[test]
fn what_is_no_json() {
    let long = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    for text in ["", "{", "{\"a\":}", "[1,]", "01", "NaN", "'a'", "{\"a\":1} x", "\"\\ud800\"", long.as_str()]
    {
        assert!(Json::parse(text).is_err(), "{text}");
    }
    for no_number in ["-", "-a", "1.", "1.e5", "1e", "1e+", "1E-", ".5", "+1", "00"] {
        assert!(Json::parse(no_number).is_err(), "{no_number}");
    }
    // The deepest nesting that is read, of lists and of objects, and one level more.
    let lists = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    let objects = |depth: usize| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
    for nested in [lists, objects] {
        assert_eq!(Json::parse(&nested(64)).map(|json| json.to_string()), Ok(nested(64)));
        assert!(Json::parse(&nested(65)).is_err());
    }
}

#[test]
fn a_problem_says_what_and_where() {
    // (text, problem, line, column)
    let cases = [
        ("", "the document ends too early", 1, 1),
        ("[1,\n 2,\n  x]", "a value is expected", 3, 3),
        ("[tru]", "a value is expected", 1, 2),
        ("[1] []", "something after the end", 1, 5),
        ("[1 2]", "a comma or ] is expected", 1, 4),
        ("[1", "ends inside an array", 1, 3),
        ("{\"a\" 1}", "a colon is expected", 1, 6),
        ("{\"a\":1 \"b\"}", "a comma or } is expected", 1, 8),
        ("{\"a\":1,}", "a key in double quotes", 1, 8),
        ("{\"a\":1", "ends inside an object", 1, 7),
        ("-x", "a digit is expected", 1, 2),
        ("02", "does not start with a zero", 1, 2),
        ("\"a", "ends inside a string", 1, 3),
        ("\"a\\", "ends inside a string", 1, 4),
        ("\"a\nb\"", "a control character", 1, 3),
        ("\"\\x\"", "no such escape", 1, 4),
        ("\"\\u00", "four hexadecimal digits", 1, 4),
        ("\"\\u00eg\"", "four hexadecimal digits", 1, 4),
        ("\"\\ud83d\"", "half a character is missing", 1, 8),
        ("\"\\ud83d\\u0041\"", "half a character is missing", 1, 14),
        ("\"\\ude00\"", "this escape is half a character", 1, 8),
    ];
    for (text, problem, line, column) in cases {
        let found = Json::parse(text).expect_err(text).to_string();
        assert!(found.contains(problem), "{text:?}: {found}");
        assert!(found.ends_with(&format!("at line {line} column {column}")), "{text:?}: {found}");
    }
}

#[test]
fn a_name_that_stands_twice_goes_wholly() {
    let mut json = Json::parse(r#"{"a":1,"b":2,"a":3}"#).expect("json");
    assert_eq!(json.remove("a"), Some(Json::Number("1".to_owned())), "what `get` showed");
    assert_eq!(json.get("a"), None, "the second does not appear in its place");
    assert_eq!(json.get("b"), Some(&Json::Number("2".to_owned())));
}

#[test]
fn members_are_changed_in_their_place() {
    let mut json = Json::parse(r#"{"a":1,"b":{"c":2.50},"d":[3]}"#).expect("json");
    json.set("a", Json::str("x"));
    json.set("e", Json::Bool(true));
    assert_eq!(json.remove("d"), Some(Json::Array(vec![Json::Number("3".to_owned())])));
    assert_eq!(json.remove("d"), None);
    if let Some(inner) = json.get_mut("b") {
        inner.set("f", Json::Null);
    }
    assert_eq!(json.to_string(), r#"{"a":"x","b":{"c":2.50,"f":null},"e":true}"#);
    assert_eq!(json.get("a").and_then(Json::as_str), Some("x"));
}

fn number() -> impl Strategy<Value = Json> {
    "-?(0|[1-9][0-9]{0,24})(\\.[0-9]{1,24})?([eE][+-]?[0-9]{1,3})?".prop_map(Json::Number)
}

fn document() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        number(),
        any::<String>().prop_map(Json::String)
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Json::Array),
            // Short keys, so that some stand twice.
            proptest::collection::vec(("[ab\"\\\\]{0,2}", inner), 0..6).prop_map(Json::Object),
        ]
    })
}

proptest! {
    #[test]
    fn documents_survive(json in document()) {
        let written = json.to_string();
        prop_assert_eq!(Json::parse(&written), Ok(json));
        // Any other reader takes it for JSON, too.
        prop_assert!(serde_json::from_str::<serde::de::IgnoredAny>(&written).is_ok());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// Accepts and refuses what another reader of JSON does.
    #[test]
    fn agrees_with_another_reader(text in "[\\[\\]{}\",:\\\\ 0-9a-fA-Fnu.+\\-trsel\\n]{0,14}") {
        let other = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
        let mine = Json::parse(&text);
        // The other one lets escapes of half characters pass where it ignores strings.
        if other != mine.is_ok() {
            prop_assert!(text.contains("\\u"), "{text:?}: {mine:?}");
        }
    }
}

#[test]
fn elements_of_a_list_can_be_changed_and_nothing_else_has_any() {
    let mut list = Json::parse("[1,2]").expect("JSON");
    list.items_mut().expect("a list").push(Json::Null);
    assert_eq!(list.to_string(), "[1,2,null]");
    for other in ["{}", "null", "\"[]\"", "1", "true"] {
        assert_eq!(Json::parse(other).expect("JSON").items_mut(), None, "{other}");
        assert_eq!(Json::parse(other).expect("JSON").items(), [], "{other}");
    }
    assert_eq!(list.items().len(), 3);
    let object = Json::parse(r#"{"a":1,"a":2}"#).expect("JSON");
    let members: Vec<_> =
        object.members().iter().map(|(key, value)| (key.as_str(), value.to_string())).collect();
    assert_eq!(members, [("a", "1".to_owned()), ("a", "2".to_owned())]);
    assert_eq!(list.members(), []);
}
