//! What people do with appointments, treatments and practitioners at the EHR itself, past its API.

use super::Ehr;
use super::shelf::Item;
use record::Json;

impl Ehr {
    /// Stores an appointment under this id as it is, without validation; a new version if it exists already. `at_ms`
    /// is its `lastUpdated`, the clock's now if not given.
    pub fn put_appointment(&self, id: &str, appointment: Json, at_ms: Option<i64>) {
        let at_ms = at_ms.unwrap_or_else(|| self.clock.now_ms());
        self.shelves_mut().appointments.put(id, appointment, Vec::new(), at_ms, true);
    }

    /// An appointment.
    pub fn appointment(&self, id: &str) -> Option<Json> {
        self.shelves().appointments.get(id).and_then(Item::main)
    }

    /// An appointment's version.
    pub fn appointment_version(&self, id: &str) -> Option<u64> {
        self.shelves().appointments.get(id).map(|item| item.main.version)
    }

    /// The ids of all appointments.
    pub fn appointment_ids(&self) -> Vec<String> {
        self.shelves().appointments.ids()
    }

    /// Edits an appointment as a colleague at the front desk does: a new version if anything changes. Returns whether
    /// anything did.
    pub fn edit_appointment(&self, id: &str, edit: impl FnOnce(&mut Json)) -> bool {
        let mut shelves = self.shelves_mut();
        let Some(before) = shelves.appointments.get(id).and_then(Item::main) else { return false };
        let mut after = before.clone();
        edit(&mut after);
        if after == before {
            return false;
        }
        shelves.appointments.put(id, after, Vec::new(), self.clock.now_ms(), true);
        true
    }

    /// Deletes an appointment. Returns whether there was one.
    pub fn delete_appointment(&self, id: &str) -> bool {
        self.shelves_mut().appointments.delete(id)
    }

    /// Stores a treatment under the id of its Encounter, which comes first, as it is. Parts without an id get one.
    pub fn put_treatment(&self, id: &str, resources: Vec<Json>, at_ms: Option<i64>) {
        let at_ms = at_ms.unwrap_or_else(|| self.clock.now_ms());
        let moves = self.dialect().parts_move_treatment;
        let mut shelves = self.shelves_mut();
        let mut resources = resources.into_iter();
        let Some(main) = resources.next() else { return };
        let mut parts = Vec::new();
        for part in resources {
            let own = part.get("id").and_then(Json::as_str).map_or_else(
                || {
                    shelves.parts_assigned += 1;
                    format!("x-{:x}", 0x00b0_0000 + shelves.parts_assigned)
                },
                str::to_owned,
            );
            parts.push((own, part));
        }
        shelves.treatments.put(id, main, parts, at_ms, moves);
    }

    /// The resources of a treatment, the Encounter first.
    pub fn treatment(&self, id: &str) -> Option<Vec<Json>> {
        self.shelves().treatments.get(id).map(Item::resources)
    }

    /// The ids of all treatments' Encounters.
    pub fn treatment_ids(&self) -> Vec<String> {
        self.shelves().treatments.ids()
    }

    /// The ids of the treatments whose Encounter carries an identifier.
    pub fn treatments_with(&self, system: &str, value: &str) -> Vec<String> {
        let shelves = self.shelves();
        shelves.treatments.with_identifier(Some(system), value).into_iter().map(str::to_owned).collect()
    }

    /// Edits a treatment's resources as a colleague does: those that change get a new version. Returns whether anything
    /// changed.
    pub fn edit_treatment(&self, id: &str, edit: impl FnOnce(&mut Vec<Json>)) -> bool {
        let Some(before) = self.treatment(id) else { return false };
        let mut after = before.clone();
        edit(&mut after);
        if after == before {
            return false;
        }
        self.put_treatment(id, after, None);
        true
    }

    /// Deletes a treatment. Returns whether there was one.
    pub fn delete_treatment(&self, id: &str) -> bool {
        self.shelves_mut().treatments.delete(id)
    }

    /// Stores a practitioner under this id as it is.
    pub fn put_practitioner(&self, id: &str, practitioner: Json, at_ms: Option<i64>) {
        let at_ms = at_ms.unwrap_or_else(|| self.clock.now_ms());
        self.shelves_mut().practitioners.put(id, practitioner, Vec::new(), at_ms, true);
    }

    /// The ids of all practitioners.
    pub fn practitioner_ids(&self) -> Vec<String> {
        self.shelves().practitioners.ids()
    }
}
