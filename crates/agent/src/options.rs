//! Where things are: the settings file, the data folder, and who sits here.

use std::path::PathBuf;

/// How to start.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The settings file; by default [`default_config_path`].
    pub config: Option<PathBuf>,
    /// Overrides `storage.data_dir`.
    pub data_dir: Option<PathBuf>,
    /// Who sits here (`people.id`); by default the one whose `os_user` is the account we run under. It chooses among
    /// people without an account of their own; nobody can pass for somebody else's account with it.
    pub person: Option<String>,
    /// Start a complete comparison at once.
    pub run_at_start: bool,
    /// Follow the schedule. True for hosts that stay (a window, `vetsync serve`: [`crate::Workplace`] sets it); a verb that
    /// ends soon starts nothing that nobody asked it for.
    pub acts_by_itself: bool,
}

impl Options {
    /// From `VETSYNC_CONFIG`, `VETSYNC_DATA_DIR`, `VETSYNC_PERSON` and `VETSYNC_RUN_AT_START`.
    pub fn from_env() -> Options {
        let path = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let is_set = |name: &str| std::env::var(name).is_ok_and(|value| value == "1");
        Options {
            config: path("VETSYNC_CONFIG"),
            data_dir: path("VETSYNC_DATA_DIR"),
            person: std::env::var("VETSYNC_PERSON").ok().filter(|person| !person.is_empty()),
            run_at_start: is_set("VETSYNC_RUN_AT_START"),
            acts_by_itself: false,
        }
    }

    /// The settings file that is meant.
    pub fn config_path(&self) -> PathBuf {
        self.config.clone().unwrap_or_else(default_config_path)
    }
}

fn home() -> PathBuf {
    ["HOME", "USERPROFILE"]
        .iter()
        .find_map(std::env::var_os)
        .map_or_else(|| PathBuf::from("."), PathBuf::from)
}

fn base(variable: &str, fallback: &str) -> PathBuf {
    std::env::var_os(variable)
        .filter(|value| !value.is_empty())
        .map_or_else(|| home().join(fallback), PathBuf::from)
}

/// `vetsync/vetsync.toml` in the account's configuration folder.
pub fn default_config_path() -> PathBuf {
    let folder = if cfg!(windows) {
        base("APPDATA", "AppData/Roaming")
    } else if cfg!(target_os = "macos") {
        home().join("Library/Application Support")
    } else {
        base("XDG_CONFIG_HOME", ".config")
    };
    folder.join("vetsync").join("vetsync.toml")
}

/// Where the database lies: as set, else `vetsync` in the account's data folder.
pub fn data_dir(options: &Options, settings: &settings::Settings) -> PathBuf {
    options.data_dir.clone().or_else(|| settings.storage.data_dir.clone()).unwrap_or_else(|| {
        let folder = if cfg!(windows) {
            base("LOCALAPPDATA", "AppData/Local")
        } else if cfg!(target_os = "macos") {
            home().join("Library/Application Support")
        } else {
            base("XDG_DATA_HOME", ".local/share")
        };
        folder.join("vetsync")
    })
}
