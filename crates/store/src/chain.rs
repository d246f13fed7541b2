//! The chain of the audit trail: every entry's hash covers the one before it, so that a changed, removed or inserted
//! entry shows. The same in every store.

use aws_lc_rs::digest::{Context, SHA256};

use crate::AuditRow;

/// What the first entry follows.
pub const GENESIS: [u8; 32] = [0; 32];

/// SHA-256 of the previous hash and the entry's canonical text: a JSON array of number, id, time, actor, action,
/// subject and detail, in this order, without blanks.
pub fn link(previous: &[u8], number: i64, entry: &AuditRow) -> [u8; 32] {
    let AuditRow { id, at_ms, actor, action, subject, detail } = entry;
    let canonical = serde_json::json!([number, id, at_ms, actor, action, subject, detail]).to_string();
    let mut context = Context::new(&SHA256);
    context.update(previous);
    context.update(canonical.as_bytes());
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> AuditRow {
        AuditRow {
            id: "a1".into(),
            at_ms: 1_000,
            actor: "ana".into(),
            action: "plan.approved".into(),
            subject: "p1".into(),
            detail: "{}".into(),
        }
    }

    /// The canonical text is part of every database there is: it may never change.
    #[test]
    fn the_canonical_text_is_frozen() {
        let mut context = Context::new(&SHA256);
        context.update(&GENESIS);
        context.update(br#"[1,"a1",1000,"ana","plan.approved","p1","{}"]"#);
        assert_eq!(link(&GENESIS, 1, &entry())[..], *context.finish().as_ref());
    }

    #[test]
    fn every_part_of_an_entry_is_covered() {
        let original = link(&GENESIS, 1, &entry());
        let changed = [
            AuditRow { id: "a2".into(), ..entry() },
            AuditRow { at_ms: 1_001, ..entry() },
            AuditRow { actor: "bob".into(), ..entry() },
            AuditRow { action: "plan.refused".into(), ..entry() },
            AuditRow { subject: "p2".into(), ..entry() },
            AuditRow { detail: "[]".into(), ..entry() },
        ];
        for other in changed {
            assert_ne!(link(&GENESIS, 1, &other), original, "{other:?}");
        }
        assert_ne!(link(&GENESIS, 2, &entry()), original);
        assert_ne!(link(&[1; 32], 1, &entry()), original);
    }
}
