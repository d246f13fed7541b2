//! People at the console who put things right: entries of the quarantine, refused writes, and values of their own.

use crate::animals::Animal;
use crate::day::Day;
use crate::day::messages::message_of;
use crate::desk::Pending;
use crate::process::lenses;
use engine::step::Command;
use record::{Conventions, FieldIx, FieldState, RecordKind};
use serde_json::Value;
use store::{
    OperationFilter, OperationRow, OperationState, QuarantineFilter, QuarantineRow, QuarantineState, Store,
};

impl Day {
    /// Somebody looks at what could not be read, or at what was refused.
    pub(crate) async fn put_right(&mut self) {
        if self.desk.conduct.percent(50) {
            self.look_after_the_quarantine().await;
        } else {
            self.correct_a_refused_write().await;
        }
    }

    async fn look_after_the_quarantine(&mut self) {
        let filter = QuarantineFilter { states: vec![QuarantineState::Open], ..QuarantineFilter::default() };
        let (open, _) = self.medium.quarantine(&filter, 0, 50).await.unwrap_or_default();
        let Some(entry) = self.desk.conduct.pick(&open).cloned() else { return };
        let (person, reason) = (self.someone(), "the sender cut it off".to_owned());
        let command = match self.desk.conduct.below(10) {
            0..=4 if entry.event.is_some() => {
                let Some(raw) = self.corrected_event(&entry) else { return };
                Command::EditQuarantined { entry: entry.id, raw, person, reason }
            }
            0..=6 => Command::ReplayQuarantined { entries: vec![entry.id], cause: None, person },
            7 => {
                let causes = self.medium.quarantine_causes().await.unwrap_or_default();
                let cause = self.desk.conduct.pick(&causes).map(|count| count.cause.clone());
                Command::ReplayQuarantined { entries: Vec::new(), cause, person }
            }
            _ => Command::DismissQuarantined { entry: entry.id, person, reason },
        };
        let what = format!("{command:?}");
        self.ask(command, what, Pending::Nothing).await;
    }

    /// What the event should have said: a record that exists, or one that never did.
    fn corrected_event(&mut self, entry: &QuarantineRow) -> Option<String> {
        let keys = self.remotes.keys(entry.remote);
        let key = match self.desk.conduct.below(10) {
            0 => "f".repeat(32),
            _ => self.desk.conduct.pick(&keys)?.clone(),
        };
        Some(message_of(entry.remote, &key, "updated", ""))
    }

    async fn correct_a_refused_write(&mut self) {
        let filter = OperationFilter { lane: None, plan: None, states: vec![OperationState::Parked] };
        let parked = self.medium.operations(&filter, 0, 50).await.unwrap_or_default();
        let Some(operation) = self.desk.conduct.pick(&parked).cloned() else { return };
        let Some(field) = self.field_of(&operation) else { return };
        let Some(state) = self.own_value(field) else { return };
        let maker = self.someone();
        let what = format!("{maker} corrects {field:?} of operation {} to {state:?}", operation.id);
        let command = Command::EditOperation {
            operation: operation.id,
            values: vec![(field, state)],
            maker: maker.clone(),
            reason: "read it off the chip".to_owned(),
        };
        self.ask(command, what, Pending::Plan { maker }).await;
    }

    /// One of the fields that an operation writes; of a creation, any.
    fn field_of(&mut self, operation: &OperationRow) -> Option<FieldIx> {
        let intent: Value = serde_json::from_str(&operation.intent).ok()?;
        let fields: Vec<u64> =
            intent["fields"].as_array()?.iter().filter_map(|write| write["field"].as_u64()).collect();
        let at = match self.desk.conduct.pick(&fields) {
            Some(field) => *field,
            None => self.desk.conduct.below(11),
        };
        u16::try_from(at).ok().map(FieldIx)
    }

    /// A value that nobody has used yet, typed as the console types what people enter.
    pub(crate) fn own_value(&mut self, field: FieldIx) -> Option<FieldState> {
        let lenses = lenses();
        let spec = lenses.catalogue(RecordKind::Patient).spec(field)?.clone();
        let animal = self.people.values.animal();
        let text = text_of(&spec.id, &animal)?;
        Some(FieldState::read(&spec.value_type, &text, &Conventions::default()))
    }
}

/// What a person types for a field.
fn text_of(id: &str, animal: &Animal) -> Option<String> {
    let text = match id {
        "patient_name" => animal.name.clone(),
        "species" => animal.species.to_owned(),
        "breed" => animal.breed.clone(),
        "date_of_birth" => animal.birth.clone(),
        "microchip_id" => animal.chip.clone(),
        "owner_name" => animal.owner.clone(),
        "owner_phone" => animal.phone.clone(),
        "owner_email" => animal.email.clone(),
        "allergies" => animal.allergies.join("; "),
        "medical_notes" => animal.notes.join("\n"),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}
