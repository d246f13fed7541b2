//! Writes the generated TypeScript into the folder given: `cargo run -p console-api --example bindings -- DIR`.

use console_api::bindings;

fn main() -> std::io::Result<()> {
    let folder =
        std::path::PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "ui/src/bindings".to_owned()));
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("types.ts"), bindings::types_ts())?;
    std::fs::write(folder.join("commands.ts"), bindings::commands_ts())
}
