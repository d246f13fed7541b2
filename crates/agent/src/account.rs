//! Who sits here: the account as the operating system knows it, and the person it belongs to.
//!
//! The environment is not asked on Unix: whoever may set a variable must not become a second person by it.

use crate::problem::StartError;
use settings::Settings;

/// The name of the account this process runs under; `None` where the operating system does not say.
#[cfg(unix)]
pub fn name() -> Option<String> {
    let from_file = || {
        let uid = effective_uid(&std::fs::read_to_string("/proc/self/status").ok()?)?;
        let accounts = std::fs::read_to_string("/etc/passwd").ok()?;
        name_in_passwd(&accounts, uid).map(str::to_owned)
    };
    from_file().or_else(name_from_id)
}

/// The name of the account this process runs under; `None` where the operating system does not say.
#[cfg(not(unix))]
pub fn name() -> Option<String> {
    std::env::var("USERNAME").ok().filter(|name| !name.is_empty())
}

/// Accounts of a directory service (LDAP, SSSD, macOS) stand in no file. By absolute path: `PATH` is the environment's.
#[cfg(unix)]
fn name_from_id() -> Option<String> {
    ["/usr/bin/id", "/bin/id", "/run/current-system/sw/bin/id"].into_iter().find_map(|program| {
        let output = std::process::Command::new(program).arg("-un").env_clear().output().ok()?;
        let name = String::from_utf8(output.stdout).ok()?.trim().to_owned();
        (output.status.success() && !name.is_empty()).then_some(name)
    })
}

/// The effective user id in `/proc/self/status`: the second number after `Uid:` (Linux, proc(5): real, effective,
/// saved, file system).
#[cfg(unix)]
fn effective_uid(status: &str) -> Option<u32> {
    let numbers = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    numbers.split_whitespace().nth(1)?.parse().ok()
}

/// The first account with this user id in a text in the form of `/etc/passwd` (passwd(5): name, password, user id, five
/// more, separated by colons). Lines that are none are passed over.
#[cfg(unix)]
fn name_in_passwd(accounts: &str, uid: u32) -> Option<&str> {
    accounts.lines().find_map(|line| {
        let mut parts = line.split(':');
        let name = parts.next().filter(|name| !name.is_empty() && !name.starts_with(['#', '+', '-']))?;
        let found: u32 = parts.nth(1)?.parse().ok()?;
        (found == uid).then_some(name)
    })
}

/// The person at the desk: the one this account belongs to; else the one that was asked for, if no account belongs to
/// that person. On sample data anybody may be anybody.
pub fn who_sits_here(
    asked: Option<&str>,
    account: Option<&str>,
    settings: &Settings,
) -> Result<String, StartError> {
    let people = &settings.people;
    let is_sample = settings.console.sample_data;
    let user = || account.unwrap_or("unknown").to_owned();
    let owner = people.iter().find(|person| person.os_user.is_some() && person.os_user.as_deref() == account);
    let Some(asked) = asked else {
        return owner
            .or_else(|| people.first().filter(|_| is_sample))
            .map(|person| person.id.clone())
            .ok_or_else(|| StartError::NobodyHere { user: user() });
    };
    let Some(person) = people.iter().find(|person| person.id == asked) else {
        return Err(StartError::NobodyHere { user: asked.to_owned() });
    };
    let is_free = person.os_user.is_none() && owner.is_none();
    let is_own = owner.is_some_and(|owner| owner.id == person.id);
    if is_sample || is_free || is_own {
        Ok(person.id.clone())
    } else {
        Err(StartError::SomebodyElse { person: asked.to_owned(), user: user() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use settings::{Person, Role};

    #[cfg(unix)]
    #[test]
    fn the_account_is_found_by_its_effective_id() {
        let status = "Name:\tvetsync\nUmask:\t0022\nUid:\t1000\t1001\t1002\t1003\nGid:\t5\t5\t5\t5\n";
        assert_eq!(effective_uid(status), Some(1001));
        assert_eq!(effective_uid("Name:\tvetsync\n"), None);
        assert_eq!(effective_uid("Uid:\tx\ty\n"), None);
        let accounts = "# local\n\nroot:x:0:0:root:/root:/bin/sh\n+::::::\nbroken:x\n\
                        jdoe:x:1001:100:Jamie Doe,,,:/people/jdoe:/bin/bash\nagain:x:1001:100::/:/bin/sh\n";
        for (uid, name) in [(0, Some("root")), (1001, Some("jdoe")), (7, None)] {
            assert_eq!(name_in_passwd(accounts, uid), name, "{uid}");
        }
        assert_eq!(name_in_passwd("", 0), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn both_ways_to_the_account_agree() {
        let name = name().expect("an account");
        assert_eq!(name_from_id().as_deref(), Some(name.as_str()));
    }

    /// (asked for, account, on sample data) and who sits here.
    #[test]
    fn nobody_passes_for_somebody_else() {
        let person = |id: &str, os_user: Option<&str>| Person {
            id: id.to_owned(),
            name: id.to_owned(),
            role: Role::Admin,
            os_user: os_user.map(str::to_owned),
        };
        let mut settings = Settings {
            people: vec![
                person("dana", Some("dana.reyes")),
                person("alex", Some("alex.kim")),
                person("desk", None),
            ],
            ..Settings::default()
        };
        let table = [
            // The account decides.
            (None, Some("alex.kim"), Ok("alex")),
            (None, Some("nobody"), Err("nobody here")),
            (None, None, Err("nobody here")),
            (Some("alex"), Some("alex.kim"), Ok("alex")),
            // Asking does not make a second person.
            (Some("alex"), Some("dana.reyes"), Err("somebody else")),
            (Some("alex"), Some("visitor"), Err("somebody else")),
            (Some("alex"), None, Err("somebody else")),
            // Who has no account of their own may be chosen, but not by somebody who is a person already.
            (Some("desk"), Some("visitor"), Ok("desk")),
            (Some("desk"), None, Ok("desk")),
            (Some("desk"), Some("dana.reyes"), Err("somebody else")),
            (Some("ghost"), Some("dana.reyes"), Err("nobody here")),
        ];
        for (asked, account, wanted) in table {
            let found = who_sits_here(asked, account, &settings);
            let found = found.as_deref().map_err(|error| match error {
                StartError::SomebodyElse { .. } => "somebody else",
                StartError::NobodyHere { .. } => "nobody here",
                _ => "something else",
            });
            assert_eq!(found, wanted, "{asked:?} {account:?}");
        }
        settings.console.sample_data = true;
        for (asked, account, wanted) in [
            (None, Some("visitor"), "dana"),
            (Some("alex"), Some("dana.reyes"), "alex"),
            (None, Some("alex.kim"), "alex"),
        ] {
            assert_eq!(who_sits_here(asked, account, &settings).unwrap(), wanted);
        }
    }
}
