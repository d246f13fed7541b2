//! What colleagues do in the two systems themselves.

use crate::{TABLE, World};
use record::Json;
use simulator::ehr::Chart;

/// The owner's phone number in a chart, if it has exactly one contact.
pub fn phone(chart: &Chart) -> Option<&str> {
    let [contact] = chart.patient.get("contact")?.items() else { return None };
    let points = contact.get("telecom")?.items();
    points.iter().find(|point| is_phone(point))?.get("value")?.as_str()
}

/// The last ten digits of a phone number.
pub fn digits(phone: &str) -> String {
    let digits: Vec<char> = phone.chars().filter(char::is_ascii_digit).collect();
    digits.iter().skip(digits.len().saturating_sub(10)).collect()
}

fn is_phone(point: &Json) -> bool {
    point.get("system").and_then(Json::as_str) == Some("phone")
}

fn set_phone(chart: &mut Chart, number: &str) {
    let contacts = chart.patient.get_mut("contact").and_then(Json::items_mut).expect("contacts");
    for contact in contacts {
        for point in contact.get_mut("telecom").and_then(Json::items_mut).expect("telecom") {
            if is_phone(point) {
                point.set("value", Json::str(number));
            }
        }
    }
}

fn is_chip(identifier: &Json) -> bool {
    identifier
        .get("system")
        .and_then(Json::as_str)
        .is_some_and(|system| system.ends_with("/identifier/microchip"))
}

/// The microchip in a chart.
pub fn chip(chart: &Chart) -> Option<&str> {
    let identifiers = chart.patient.get("identifier")?.items();
    identifiers.iter().find(|identifier| is_chip(identifier))?.get("value")?.as_str()
}

impl World {
    /// Somebody at the front desk changes columns of a row.
    pub fn edit_row(&self, key: &str, values: &[(&str, &str)]) {
        let changed = self.remotes.control.servicenow.edit_row(TABLE, key, values, "front.desk");
        assert!(changed, "the edit changes something");
    }

    /// Somebody changes a chart in the EHR.
    pub fn edit_chart(&self, key: &str, edit: impl FnOnce(&mut Chart)) {
        assert!(self.remotes.control.ehr.edit_chart(key, edit), "the edit changes something");
    }

    /// Somebody changes the owner's phone number in the EHR.
    pub fn ehr_phone(&self, key: &str, number: &str) {
        self.edit_chart(key, |chart| set_phone(chart, number));
    }

    /// Somebody corrects the microchip in the EHR.
    pub fn ehr_chip(&self, key: &str, value: &str) {
        self.edit_chart(key, |chart| {
            let identifiers =
                chart.patient.get_mut("identifier").and_then(Json::items_mut).expect("identifiers");
            for identifier in identifiers.iter_mut().filter(|identifier| is_chip(identifier)) {
                identifier.set("value", Json::str(value));
            }
        });
    }
}
