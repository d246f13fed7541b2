//! Encoded queries run against tables: what matches, in which order, and by which index.

use super::query::{Condition, EncodedQuery, Operator};
use super::schema::ColumnType;
use super::table::{Row, Table};
use super::{Settings, values};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// All tables of an instance.
pub(crate) type Tables = BTreeMap<String, Table>;

/// Who asks, and by which clock: what relative and dynamic conditions depend on.
#[derive(Debug, Clone)]
pub(crate) struct Session<'a> {
    pub(crate) user_sys_id: &'a str,
    pub(crate) zone: chrono_tz::Tz,
    pub(crate) now_ms: i64,
    pub(crate) settings: &'a Settings,
}

/// A column, reached through references where it is dot-walked.
#[derive(Debug, Clone)]
pub(crate) struct Path {
    steps: Vec<(String, usize)>,
    pub(crate) last: usize,
    pub(crate) table: String,
}

/// Finds a dot-walked column; `None` where any part of it does not exist.
pub(crate) fn resolve(tables: &Tables, table: &str, field: &str) -> Option<Path> {
    let mut current = tables.get(table)?;
    let mut name = table.to_owned();
    let mut steps = Vec::new();
    let parts: Vec<&str> = field.split('.').collect();
    let (last, walked) = parts.split_last()?;
    for part in walked {
        let at = current.position(part)?;
        let ColumnType::Reference(target) = &current.schema.columns.get(at)?.column_type else { return None };
        current = tables.get(target)?;
        name.clone_from(target);
        steps.push((target.clone(), at));
    }
    Some(Path { steps, last: current.position(last)?, table: name })
}

/// The value at the end of a path; empty where a reference on the way is.
pub(crate) fn walk<'a>(tables: &'a Tables, path: &Path, row: &'a Row) -> &'a str {
    let mut current = row;
    for (target, at) in &path.steps {
        let key = current.get(*at).map_or("", |key| key);
        match tables.get(target).and_then(|table| table.get(key)) {
            Some(next) => current = next,
            None => return "",
        }
    }
    current.get(path.last).map_or("", |value| value)
}

#[derive(Debug, Clone)]
struct Test {
    path: Path,
    kind: ColumnType,
    operator: Operator,
    operands: Vec<String>,
    other: Option<Path>,
    ignore_case: bool,
}

/// A query bound to the columns of a table.
#[derive(Debug, Clone)]
pub(crate) struct Bound {
    groups: Vec<Vec<Vec<Test>>>,
    order: Vec<(Path, bool)>,
    nothing: bool,
}

/// Binds a query. Conditions on unknown columns, or with operands that mean nothing, are dropped; with
/// `invalid_query_returns_no_rows` they make the result empty instead (wire-facts 5.3).
pub(crate) fn bind(tables: &Tables, table: &str, query: &EncodedQuery, session: &Session<'_>) -> Bound {
    let mut bad = !query.dropped.is_empty();
    let mut groups = Vec::new();
    for group in &query.groups {
        let mut all = Vec::new();
        for alternatives in &group.all {
            let tests: Vec<Test> = alternatives
                .iter()
                .filter_map(|condition| {
                    let test = bind_condition(tables, table, condition, session);
                    bad |= test.is_none();
                    test
                })
                .collect();
            if !tests.is_empty() {
                all.push(tests);
            }
        }
        groups.push(all);
    }
    let order = query
        .order
        .iter()
        .filter_map(|(column, descending)| Some((resolve(tables, table, column)?, *descending)))
        .collect();
    Bound { groups, order, nothing: bad && session.settings.invalid_query_returns_no_rows }
}

fn bind_condition(
    tables: &Tables,
    table: &str,
    condition: &Condition,
    session: &Session<'_>,
) -> Option<Test> {
    let path = resolve(tables, table, &condition.field)?;
    let kind = tables.get(&path.table)?.schema.columns.get(path.last)?.column_type.clone();
    let mut other = None;
    let operand = |text: &str| values::operand(text, session);
    let operands = match condition.operator {
        Operator::In | Operator::NotIn => condition.value.split(',').map(str::to_owned).collect(),
        Operator::Between => {
            let (from, to) = condition.value.split_once('@')?;
            vec![operand(from)?, operand(to)?]
        }
        Operator::SameAs | Operator::NotSameAs => {
            other = Some(resolve(tables, table, &condition.value)?);
            Vec::new()
        }
        Operator::RelativeGreater
        | Operator::RelativeGreaterOrEqual
        | Operator::RelativeLess
        | Operator::RelativeLessOrEqual
        | Operator::RelativeEqual => values::relative_range(&condition.value, session)?,
        Operator::On | Operator::NotOn => values::day_range(&condition.value, session)?,
        Operator::Dynamic => {
            // The platform's built-in dynamic filter "Me"; others are records this instance does not have.
            if condition.value != "90d1921e5f510100a9ad2572f2b477fe" {
                return None;
            }
            vec![session.user_sys_id.to_owned()]
        }
        _ => vec![operand(&condition.value)?],
    };
    let ignore_case = session.settings.equality_ignores_case;
    Some(Test { path, kind, operator: condition.operator, operands, other, ignore_case })
}

impl Test {
    fn operand(&self, at: usize) -> &str {
        self.operands.get(at).map_or("", String::as_str)
    }

    fn holds(&self, tables: &Tables, row: &Row) -> bool {
        let value = walk(tables, &self.path, row);
        let compare = |operand: &str| self.compare(value, operand);
        // A comparison with an empty column is never true, as with NULL in SQL.
        let ordered =
            |wanted: fn(Ordering) -> bool, at: usize| !value.is_empty() && wanted(compare(self.operand(at)));
        match self.operator {
            Operator::Equal | Operator::Dynamic => self.same(value, self.operand(0)),
            Operator::NotEqual => !self.same(value, self.operand(0)),
            Operator::Less | Operator::RelativeLess => ordered(Ordering::is_lt, 0),
            Operator::LessOrEqual | Operator::RelativeLessOrEqual => ordered(Ordering::is_le, 0),
            Operator::Greater | Operator::RelativeGreater => ordered(Ordering::is_gt, 0),
            Operator::GreaterOrEqual | Operator::RelativeGreaterOrEqual => ordered(Ordering::is_ge, 0),
            Operator::Between | Operator::On | Operator::RelativeEqual => {
                ordered(Ordering::is_ge, 0) && ordered(Ordering::is_le, 1)
            }
            Operator::NotOn => !(ordered(Ordering::is_ge, 0) && ordered(Ordering::is_le, 1)),
            Operator::Like => self.folded(value).contains(&*self.folded(self.operand(0))),
            Operator::NotLike => !self.folded(value).contains(&*self.folded(self.operand(0))),
            Operator::StartsWith => self.folded(value).starts_with(&*self.folded(self.operand(0))),
            Operator::EndsWith => self.folded(value).ends_with(&*self.folded(self.operand(0))),
            Operator::In => self.operands.iter().any(|operand| self.same(value, operand)),
            Operator::NotIn => !self.operands.iter().any(|operand| self.same(value, operand)),
            Operator::IsEmpty | Operator::EmptyString => value.is_empty(),
            Operator::IsNotEmpty => !value.is_empty(),
            Operator::Anything => true,
            Operator::SameAs => {
                self.other.as_ref().is_some_and(|other| self.same(value, walk(tables, other, row)))
            }
            Operator::NotSameAs => {
                self.other.as_ref().is_some_and(|other| !self.same(value, walk(tables, other, row)))
            }
        }
    }

    fn folded<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.ignore_case { Cow::Owned(text.to_lowercase()) } else { Cow::Borrowed(text) }
    }

    fn same(&self, value: &str, operand: &str) -> bool {
        match self.kind {
            ColumnType::Text | ColumnType::Choice(_) if self.ignore_case => {
                value == operand
                    || (value.is_ascii() && operand.is_ascii() && value.eq_ignore_ascii_case(operand))
                    || (!(value.is_ascii() && operand.is_ascii())
                        && value.to_lowercase() == operand.to_lowercase())
            }
            ColumnType::Integer | ColumnType::Decimal if !value.is_empty() => {
                self.compare(value, operand).is_eq()
            }
            ColumnType::Boolean => values::boolean(value) == values::boolean(operand),
            ColumnType::DateTime => value == values::padded_datetime(operand),
            _ => value == operand,
        }
    }

    fn compare(&self, value: &str, operand: &str) -> Ordering {
        match self.kind {
            ColumnType::Integer | ColumnType::Decimal => {
                match (value.parse::<f64>(), operand.parse::<f64>()) {
                    (Ok(value), Ok(operand)) => value.total_cmp(&operand),
                    _ => value.cmp(operand),
                }
            }
            ColumnType::DateTime => value.cmp(&*values::padded_datetime(operand)),
            ColumnType::Date => value.cmp(operand.get(..10).unwrap_or(operand)),
            ColumnType::Text if self.ignore_case => value.to_lowercase().cmp(&operand.to_lowercase()),
            _ => value.cmp(operand),
        }
    }
}

impl Bound {
    /// Whether a row matches.
    pub(crate) fn matches(&self, tables: &Tables, row: &Row) -> bool {
        if self.nothing {
            return false;
        }
        self.groups.is_empty()
            || self.groups.iter().any(|group| {
                group.iter().all(|alternatives| alternatives.iter().any(|test| test.holds(tables, row)))
            })
    }

    /// The lowest value of a column of the table itself that any matching row can have, and whether only the lower
    /// bound of it was asked about.
    fn lower_bound(&self, column: usize) -> Option<String> {
        let mut lowest: Option<&str> = None;
        for group in &self.groups {
            let bound = group.iter().filter_map(|alternatives| match alternatives.as_slice() {
                [test] if test.path.steps.is_empty() && test.path.last == column => match test.operator {
                    Operator::Equal | Operator::Greater | Operator::GreaterOrEqual | Operator::Between => {
                        Some(test.operand(0))
                    }
                    _ => None,
                },
                _ => None,
            });
            let bound = bound.max()?;
            lowest = Some(lowest.map_or(bound, |lowest| lowest.min(bound)));
        }
        lowest.map(str::to_owned)
    }

    /// The keys a query names outright: `sys_id=`, `sys_idIN`, or the value of a unique column.
    fn named_keys(&self, table: &Table) -> Option<Vec<String>> {
        let [group] = self.groups.as_slice() else { return None };
        group.iter().find_map(|alternatives| {
            let [test] = alternatives.as_slice() else { return None };
            if !test.path.steps.is_empty() {
                return None;
            }
            let is_key = matches!(test.kind, ColumnType::SysId);
            match test.operator {
                Operator::Equal | Operator::In if is_key => Some(test.operands.clone()),
                Operator::Equal if !test.operand(0).is_empty() => {
                    let found = table.by_unique(test.path.last, test.operand(0))?;
                    // A value in another case may still match; only a hit is an answer.
                    Some(vec![found.to_owned()])
                }
                _ => None,
            }
        })
    }
}

/// The rows of one page, and how many match in all if that was asked.
pub(crate) struct Page<'a> {
    pub(crate) rows: Vec<(&'a str, &'a Row)>,
    pub(crate) total: Option<usize>,
}

/// Runs a bound query: `offset` rows are passed over, `limit` are returned.
pub(crate) fn run<'a>(
    tables: &'a Tables,
    name: &str,
    query: &Bound,
    offset: usize,
    limit: usize,
    count: bool,
) -> Option<Page<'a>> {
    let table = tables.get(name)?;
    if query.nothing {
        return Some(Page { rows: Vec::new(), total: count.then_some(0) });
    }
    if let Some(keys) = query.named_keys(table) {
        let mut rows: Vec<(&str, &Row)> = keys
            .iter()
            .filter_map(|key| table.keys_from(key).next().filter(|(found, _)| found == key))
            .filter(|(_, row)| query.matches(tables, row))
            .collect();
        rows.sort_unstable_by(|left, right| left.0.cmp(right.0));
        rows.dedup_by(|left, right| left.0 == right.0);
        sort(tables, &query.order, &mut rows);
        let total = rows.len();
        let rows = rows.into_iter().skip(offset).take(limit).collect();
        return Some(Page { rows, total: count.then_some(total) });
    }
    let key = table.position("sys_id")?;
    let updated = table.position("sys_updated_on")?;
    let plain: Vec<(usize, bool)> = query
        .order
        .iter()
        .map(|(path, descending)| (if path.steps.is_empty() { path.last } else { usize::MAX }, *descending))
        .collect();
    let by_key = plain.first().is_none_or(|order| *order == (key, false));
    let by_updated = matches!(plain.as_slice(), [(first, false)] if *first == updated)
        || matches!(plain.as_slice(), [(first, false), (second, false), ..] if *first == updated && *second == key);
    if by_key {
        let from = query.lower_bound(key).unwrap_or_default();
        return Some(scan(table.keys_from(&from), tables, query, offset, limit, count, table.len()));
    }
    if by_updated {
        let from = query.lower_bound(updated).unwrap_or_default();
        return Some(scan(table.changed_from(&from), tables, query, offset, limit, count, table.len()));
    }
    let mut rows: Vec<(&str, &Row)> =
        table.keys_from("").filter(|(_, row)| query.matches(tables, row)).collect();
    sort(tables, &query.order, &mut rows);
    let total = rows.len();
    Some(Page { rows: rows.into_iter().skip(offset).take(limit).collect(), total: count.then_some(total) })
}

fn scan<'a>(
    rows: impl Iterator<Item = (&'a str, &'a Row)>,
    tables: &Tables,
    query: &Bound,
    offset: usize,
    limit: usize,
    count: bool,
    len: usize,
) -> Page<'a> {
    let mut matching = rows.filter(|(_, row)| query.matches(tables, row));
    // Most lists ask for everything: then the count is known without looking.
    let known = query.groups.is_empty().then_some(len);
    let mut passed = 0;
    while passed < offset && matching.next().is_some() {
        passed += 1;
    }
    let page: Vec<(&str, &Row)> = matching.by_ref().take(limit).collect();
    let total = count.then(|| known.unwrap_or_else(|| passed + page.len() + matching.count()));
    Page { rows: page, total }
}

fn sort(tables: &Tables, order: &[(Path, bool)], rows: &mut [(&str, &Row)]) {
    rows.sort_by(|left, right| {
        order
            .iter()
            .map(|(path, descending)| {
                let ordering = walk(tables, path, left.1).cmp(walk(tables, path, right.1));
                if *descending { ordering.reverse() } else { ordering }
            })
            .find(|ordering| ordering.is_ne())
            .unwrap_or(Ordering::Equal)
    });
}
