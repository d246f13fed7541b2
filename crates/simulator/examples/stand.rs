//! Starts a simulation and prints its URLs, certificate authority and credentials as one JSON object; stands until
//! its standard input ends.

use simulator::{Options, Simulation};
use std::io::Read as _;

#[tokio::main]
async fn main() -> Result<(), simulator::StartError> {
    let mut options = Options::default();
    let mut arguments = std::env::args().skip(1);
    while let (Some(name), Some(value)) = (arguments.next(), arguments.next()) {
        match (name.as_str(), value.parse::<u64>()) {
            ("--seed", Ok(seed)) => options.seed = seed,
            ("--patients", Ok(patients)) => {
                options.patients = usize::try_from(patients).unwrap_or(options.patients);
            }
            _ => eprintln!("not understood: {name}; use --seed N and --patients N"),
        }
    }
    let running = Simulation::start(options).await?;
    println!("{}", running.describe());
    // An input that cannot be read has ended too.
    let _ = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await;
    running.stop().await;
    Ok(())
}
