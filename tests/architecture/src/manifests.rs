//! Who depends on whom.

use crate::root;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};
use toml::{Table, Value};

/// A package of the workspace.
#[derive(Debug)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its folder.
    pub folder: PathBuf,
    /// Names of its `[dependencies]`, those of every target included, without those for tests and builds.
    pub dependencies: BTreeSet<String>,
    /// Its manifest.
    pub manifest: Table,
}

/// Every package of the workspace, the root's own included, by name.
pub fn packages() -> BTreeMap<String, Package> {
    let top = table(&root().join("Cargo.toml"));
    let members =
        top.get("workspace").and_then(|workspace| workspace.get("members")).and_then(Value::as_array);
    let mut folders: Vec<PathBuf> =
        members.into_iter().flatten().filter_map(Value::as_str).map(|member| root().join(member)).collect();
    folders.push(root());
    folders
        .into_iter()
        .filter_map(|folder| {
            let manifest = table(&folder.join("Cargo.toml"));
            let name = manifest.get("package")?.get("name")?.as_str()?.to_owned();
            let dependencies = dependencies(&manifest);
            Some((name.clone(), Package { name, folder, dependencies, manifest }))
        })
        .collect()
}

fn table(file: &std::path::Path) -> Table {
    fs::read_to_string(file).ok().and_then(|text| text.parse().ok()).unwrap_or_default()
}

fn dependencies(manifest: &Table) -> BTreeSet<String> {
    let targets = manifest.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
    let holders = std::iter::once(manifest).chain(targets.filter_map(Value::as_table));
    holders
        .filter_map(|holder| holder.get("dependencies").and_then(Value::as_table))
        .flat_map(Table::iter)
        .map(|(key, value)| value.get("package").and_then(Value::as_str).unwrap_or(key).to_owned())
        .collect()
}

/// Everything that a package depends on, directly or not, by the lock file.
pub fn closure(package: &Package, packages: &BTreeMap<String, Package>) -> BTreeSet<String> {
    let lock = table(&root().join("Cargo.lock"));
    let mut locked: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for entry in lock.get("package").and_then(Value::as_array).into_iter().flatten() {
        let Some(name) = entry.get("name").and_then(Value::as_str) else { continue };
        let needs = entry.get("dependencies").and_then(Value::as_array).into_iter().flatten();
        // An entry is `name`, or `name version` where several versions are locked.
        locked
            .entry(name)
            .or_default()
            .extend(needs.filter_map(Value::as_str).filter_map(|need| need.split(' ').next()));
    }
    let mut seen = BTreeSet::new();
    let mut open: Vec<String> = package.dependencies.iter().cloned().collect();
    while let Some(name) = open.pop() {
        if !seen.insert(name.clone()) {
            continue;
        }
        // The lock mixes a member's dependencies for tests with the others; its manifest does not.
        match packages.get(&name) {
            Some(member) => open.extend(member.dependencies.iter().cloned()),
            None => {
                open.extend(locked.get(name.as_str()).into_iter().flatten().map(|name| (*name).to_owned()));
            }
        }
    }
    seen
}
