//! The encoded query language (wire-facts 5.3), read by a parser of its own.

/// A parsed encoded query.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EncodedQuery {
    /// Alternatives joined by `^NQ`; none means every row.
    pub groups: Vec<Group>,
    /// `^ORDERBY` and `^ORDERBYDESC`, in order: column, descending.
    pub order: Vec<(String, bool)>,
    /// Terms that are no condition at all; they are dropped like conditions on unknown columns.
    pub dropped: Vec<String>,
}

/// Conditions joined by `^`; each is a set of alternatives joined by `^OR`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Group {
    /// All of these must hold.
    pub all: Vec<Vec<Condition>>,
}

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The column, possibly dot-walked.
    pub field: String,
    /// The operator.
    pub operator: Operator,
    /// What follows the operator, uninterpreted.
    pub value: String,
}

/// The operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Like,
    NotLike,
    StartsWith,
    EndsWith,
    In,
    NotIn,
    Between,
    IsEmpty,
    IsNotEmpty,
    EmptyString,
    Anything,
    SameAs,
    NotSameAs,
    RelativeGreater,
    RelativeGreaterOrEqual,
    RelativeLess,
    RelativeLessOrEqual,
    RelativeEqual,
    Dynamic,
    On,
    NotOn,
}

impl Operator {
    /// Every operator with its spelling; where one spelling begins another, the longer comes first.
    pub const ALL: [(&'static str, Operator); 31] = [
        ("ISNOTEMPTY", Operator::IsNotEmpty),
        ("ISEMPTY", Operator::IsEmpty),
        ("EMPTYSTRING", Operator::EmptyString),
        ("ANYTHING", Operator::Anything),
        ("NOT LIKE", Operator::NotLike),
        ("NOTLIKE", Operator::NotLike),
        ("DOES NOT CONTAIN", Operator::NotLike),
        ("LIKE", Operator::Like),
        ("CONTAINS", Operator::Like),
        ("STARTSWITH", Operator::StartsWith),
        ("ENDSWITH", Operator::EndsWith),
        ("NOT IN", Operator::NotIn),
        ("NOTIN", Operator::NotIn),
        ("BETWEEN", Operator::Between),
        ("NSAMEAS", Operator::NotSameAs),
        ("SAMEAS", Operator::SameAs),
        ("RELATIVEGT", Operator::RelativeGreater),
        ("RELATIVEGE", Operator::RelativeGreaterOrEqual),
        ("RELATIVELT", Operator::RelativeLess),
        ("RELATIVELE", Operator::RelativeLessOrEqual),
        ("RELATIVEEE", Operator::RelativeEqual),
        ("DYNAMIC", Operator::Dynamic),
        ("NOTON", Operator::NotOn),
        ("ON", Operator::On),
        ("IN", Operator::In),
        ("!=", Operator::NotEqual),
        ("<=", Operator::LessOrEqual),
        (">=", Operator::GreaterOrEqual),
        ("=", Operator::Equal),
        ("<", Operator::Less),
        (">", Operator::Greater),
    ];

    /// Whether the operator stands alone, without a value.
    pub const fn is_bare(self) -> bool {
        matches!(self, Operator::IsEmpty | Operator::IsNotEmpty | Operator::EmptyString | Operator::Anything)
    }
}

/// Reads an encoded query. Nothing is an error: what is not understood is dropped, as the platform does.
pub fn parse(text: &str) -> EncodedQuery {
    let mut query = EncodedQuery::default();
    let mut group = Group::default();
    for term in text.split('^') {
        // The end marker, alone or as `^EQ` before further text.
        if term.is_empty() || term == "EQ" {
            continue;
        }
        if let Some(column) = term.strip_prefix("ORDERBYDESC") {
            query.order.push((column.to_owned(), true));
        } else if let Some(column) = term.strip_prefix("ORDERBY") {
            query.order.push((column.to_owned(), false));
        } else if term.starts_with("GROUPBY") || term.starts_with("TRENDBY") {
            // Only lists with grouping use these; a plain list is not changed by them.
        } else if let Some(rest) = term.strip_prefix("NQ") {
            query.groups.push(std::mem::take(&mut group));
            push(&mut group, &mut query.dropped, rest, false);
        } else if let Some(rest) = term.strip_prefix("OR") {
            push(&mut group, &mut query.dropped, rest, true);
        } else {
            push(&mut group, &mut query.dropped, term, false);
        }
    }
    if !query.groups.is_empty() || !group.all.is_empty() {
        query.groups.push(group);
    }
    query
}

fn push(group: &mut Group, dropped: &mut Vec<String>, term: &str, alternative: bool) {
    if term.is_empty() {
        return;
    }
    let Some(condition) = parse_condition(term) else {
        dropped.push(term.to_owned());
        return;
    };
    match group.all.last_mut() {
        Some(last) if alternative => last.push(condition),
        _ => group.all.push(vec![condition]),
    }
}

fn parse_condition(term: &str) -> Option<Condition> {
    let end = term.find(|character: char| {
        !(character.is_ascii_lowercase() || character.is_ascii_digit() || "_.".contains(character))
    })?;
    let (field, rest) = term.split_at(end);
    if field.is_empty() {
        return None;
    }
    Operator::ALL.iter().find_map(|(spelling, operator)| {
        let value = rest.strip_prefix(spelling)?;
        if operator.is_bare() && !value.is_empty() {
            return None;
        }
        Some(Condition { field: field.to_owned(), operator: *operator, value: value.to_owned() })
    })
}

/// Writes the query in the language again; what was dropped stays dropped.
impl std::fmt::Display for EncodedQuery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut first = true;
        for (index, group) in self.groups.iter().enumerate() {
            for (at, alternatives) in group.all.iter().enumerate() {
                for (choice, condition) in alternatives.iter().enumerate() {
                    let joint = match (first, at, choice) {
                        (true, ..) => "",
                        (_, 0, 0) if index > 0 => "^NQ",
                        (_, _, 0) => "^",
                        _ => "^OR",
                    };
                    let spelling = Operator::ALL
                        .iter()
                        .find(|(_, operator)| *operator == condition.operator)
                        .map_or("=", |(spelling, _)| spelling);
                    write!(f, "{joint}{}{spelling}{}", condition.field, condition.value)?;
                    first = false;
                }
            }
        }
        for (column, descending) in &self.order {
            let joint = if first { "" } else { "^" };
            write!(f, "{joint}ORDERBY{}{column}", if *descending { "DESC" } else { "" })?;
            first = false;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn or_binds_to_its_neighbour_only() {
        let query = parse("a=1^ORa=2^b=3");
        let shape: Vec<usize> =
            query.groups.iter().flat_map(|group| group.all.iter().map(Vec::len)).collect();
        assert_eq!(shape, [2, 1]);
    }

    #[test]
    fn new_query_starts_a_group_and_order_belongs_to_all() {
        let query = parse(
            "sys_updated_on=2025-03-01 09:12:44^sys_id>abc^NQsys_updated_on>2025-03-01 09:12:44^ORDERBYsys_updated_on^ORDERBYDESCsys_id^EQ",
        );
        assert_eq!(query.groups.len(), 2);
        assert_eq!(query.order, [("sys_updated_on".to_owned(), false), ("sys_id".to_owned(), true)]);
        assert!(query.dropped.is_empty());
    }

    #[test]
    fn what_is_no_condition_is_dropped() {
        let query = parse("hello^u_name=x^=3^ISEMPTY");
        assert_eq!(query.groups.first().map(|group| group.all.len()), Some(1));
        assert_eq!(query.dropped, ["hello", "=3", "ISEMPTY"]);
    }

    fn condition() -> impl Strategy<Value = Condition> {
        (
            prop::sample::select(vec!["u_name", "sys_id", "u_clinician.name", "u_2"]),
            prop::sample::select(Operator::ALL.iter().map(|(_, operator)| *operator).collect::<Vec<_>>()),
            "[a-z0-9 :.@,-]{0,8}",
        )
            .prop_map(|(field, operator, value)| Condition {
                field: field.to_owned(),
                operator,
                value: if operator.is_bare() { String::new() } else { value },
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn written_and_read_again_is_the_same(
            groups in prop::collection::vec(prop::collection::vec(prop::collection::vec(condition(), 1..3), 1..3), 1..3),
            order in prop::collection::vec((prop::sample::select(vec!["sys_id", "u_name"]), any::<bool>()), 0..3),
        ) {
            let query = EncodedQuery {
                groups: groups.into_iter().map(|all| Group { all }).collect(),
                order: order.into_iter().map(|(column, descending)| (column.to_owned(), descending)).collect(),
                dropped: Vec::new(),
            };
            prop_assert_eq!(parse(&query.to_string()), query);
        }

        #[test]
        fn any_text_is_read_without_failing(text in "[ -~]{0,60}") {
            let query = parse(&text);
            let terms = text.split('^').count();
            prop_assert!(query.groups.iter().map(|group| group.all.len()).sum::<usize>() <= terms);
        }
    }
}
