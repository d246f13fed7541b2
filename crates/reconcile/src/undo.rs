//! Taking back what a plan wrote: a compensating plan, and the base that keeps it from being done again.

use crate::compare::{Base, BaseField, PairState, Settlement};
use crate::judge::judge_field;
use crate::plan::PairPlan;
use crate::sides;
use record::{Catalogue, FieldIx, FieldState, Record, Remote};

/// The compensating writes, and what they leave out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Undo {
    /// Writes back to what each remote had; nothing is open or agreed in it.
    pub plan: PairPlan,
    /// Fields that are left as they are, because they or a field of their group changed since, are hidden now, or
    /// held what cannot be written again; in catalogue order.
    pub left_out: Vec<FieldIx>,
}

/// The writes that take back `executed`, given what the remotes have now.
///
/// A field is taken back on every remote it was written to, or on none; the fields of a group likewise. Before it is
/// carried out, [`crate::grade_of_writes`] says whether it takes two persons: undoing the filling of a blank blanks.
pub fn undo_writes(
    catalogue: &Catalogue,
    executed: &PairPlan,
    servicenow: Option<&Record>,
    ehr: Option<&Record>,
) -> Undo {
    let now = |remote: Remote, field: FieldIx| match remote {
        Remote::ServiceNow => servicenow.map(|record| record.field(field)),
        Remote::Ehr => ehr.map(|record| record.field(field)),
    };
    let mut moved: Vec<FieldIx> = Vec::new();
    for remote in Remote::BOTH {
        for write in executed.writes(remote) {
            let writable = matches!(write.from, FieldState::Blank | FieldState::Value(_));
            let unmoved = now(remote, write.field).is_some_and(|state| {
                sides::same(state, &write.to)
                    || (remote == Remote::ServiceNow && sides::is_padded(state, &write.to))
            });
            if !(writable && unmoved) {
                moved.push(write.field);
            }
        }
    }
    let group = |field: FieldIx| catalogue.spec(field).and_then(|spec| spec.group.as_deref());
    let is_left_out = |field: FieldIx| {
        moved.iter().any(|other| *other == field || (group(field).is_some() && group(*other) == group(field)))
    };
    let mut undo = Undo::default();
    for remote in Remote::BOTH {
        for write in executed.writes(remote) {
            if is_left_out(write.field) {
                undo.left_out.push(write.field);
            } else if let Some(state) = now(remote, write.field) {
                undo.plan.writes_mut(remote).push(crate::FieldWrite {
                    field: write.field,
                    from: state.clone(),
                    to: write.from.clone(),
                });
            }
        }
    }
    undo.left_out.sort_unstable();
    undo.left_out.dedup();
    undo
}

/// The base after an undo was carried out and read back, such that the difference that is back is asked about instead
/// of being settled by the same rule again.
///
/// `pair` holds the base from before the undo and the two records as read back. Of the undone fields, those on which
/// the remotes differ lose their base where that makes a person be asked (two different values never agreed), keep it
/// where only the agreed value does (a filled blank that was taken back looks blanked), and otherwise get the value of
/// the side that says more: a person had the EHR emptied after ServiceNow and took that back, so one side looks
/// blanked again, as it did before.
pub fn base_after_undo(pair: &PairState<'_>, undone: &PairPlan, agreed_at_ms: i64, agreed_by: &str) -> Base {
    let fields = pair
        .catalogue
        .iter()
        .map(|(field, spec)| {
            let before =
                pair.base.and_then(|base| base.fields.get(usize::from(field.0))).cloned().unwrap_or_default();
            let touched = Remote::BOTH
                .into_iter()
                .any(|remote| undone.writes(remote).iter().any(|write| write.field == field));
            if !touched {
                return before;
            }
            let (_, servicenow, ehr) = pair.states(field);
            if let Some(agreed) = sides::agreed(servicenow, ehr) {
                return if sides::stands(&before.state, servicenow, ehr) {
                    before
                } else {
                    BaseField { state: agreed.clone(), agreed_at_ms, agreed_by: agreed_by.to_owned() }
                };
            }
            if sides::same(servicenow, ehr) {
                // The same unreadable text.
                return before;
            }
            let asks = |base: &FieldState| {
                matches!(judge_field(spec, base, servicenow, ehr).settlement, Settlement::Ask { .. })
            };
            if asks(&FieldState::Unknown) {
                return BaseField::default();
            }
            if asks(&before.state) {
                return before;
            }
            [servicenow, ehr].into_iter().find(|state| asks(state)).map_or_else(BaseField::default, |state| {
                BaseField { state: state.clone(), agreed_at_ms, agreed_by: agreed_by.to_owned() }
            })
        })
        .collect();
    Base { fields }
}
