//! What people do at the EHR itself, past its API: load, look, edit, delete.

use super::Ehr;
use super::store::Chart;

impl Ehr {
    /// Stores a patient under this id as it is, without validation; a new version if it exists already. `at_ms` is
    /// its `lastUpdated`, the clock's now if not given.
    pub fn put_chart(&self, id: &str, chart: Chart, at_ms: Option<i64>) {
        let at_ms = at_ms.unwrap_or_else(|| self.clock.now_ms());
        self.write().put(id, chart, at_ms);
    }

    /// A patient with its allergies.
    pub fn chart(&self, id: &str) -> Option<Chart> {
        self.read().get(id).and_then(super::store::Stored::chart)
    }

    /// A patient's version.
    pub fn version(&self, id: &str) -> Option<u64> {
        self.read().get(id).map(|stored| stored.version)
    }

    /// The ids of all patients.
    pub fn ids(&self) -> Vec<String> {
        self.read().ids()
    }

    /// How many patients there are.
    pub fn patient_count(&self) -> usize {
        self.read().len()
    }

    /// Edits a patient as a colleague at the front desk does: a new version if anything changes. Returns whether
    /// anything did.
    pub fn edit_chart(&self, id: &str, edit: impl FnOnce(&mut Chart)) -> bool {
        let mut store = self.write();
        let Some(before) = store.get(id).and_then(super::store::Stored::chart) else { return false };
        let mut after = before.clone();
        edit(&mut after);
        if after == before {
            return false;
        }
        store.put(id, after, self.clock.now_ms());
        true
    }

    /// Deletes a patient. Returns whether there was one.
    pub fn delete_chart(&self, id: &str) -> bool {
        self.write().delete(id)
    }
}
