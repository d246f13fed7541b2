//! Prints the JSON Schema of the configuration: `cargo run -p settings --example schema > docs/settings.schema.json`.

fn main() {
    print!("{}", settings::Settings::schema());
}
