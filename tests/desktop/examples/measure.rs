//! Measures the real window over a large clinic and prints JSON: from the start of the program until a person can work,
//! what all its processes take of the memory, and from a keystroke in the search to the painted row.
//!
//! Run by `cargo xtask bench window`. Arguments: patients (100000), starts (7). The JSON goes to the file in
//! `VETSYNC_MEASURES` if there is one.

#[cfg(target_os = "linux")]
mod measuring {
    use anyhow::{Context as _, Result, ensure};
    use desktop::{Clinic, Memory, Window, in_window, memory_of, program};
    use serde_json::{Value, json};
    use std::{
        process::Command,
        sync::{Arc, Mutex},
        time::Duration,
    };

    /// What people type: names, parts of names, phones; each letter is measured. So many that a single hitch of the machine
    /// is not the 95th percentile.
    const TYPED: [&str; 28] = [
        "bella", "max", "luna", "coop", "212", "smith", "carl", "willow", "charlie", "daisy", "rocky",
        "molly", "oscar", "teddy", "garcia", "johnson", "miller", "brown", "anders", "415", "ruby", "simba",
        "chloe", "milo", "laura h", "david", "nala", "617",
    ];

    /// A person who types quickly, milliseconds from one letter to the next.
    const RHYTHM_MS: u64 = 400;

    /// Notes of each key how long it takes until the frame with the answer's rows is painted: a task of its own after that
    /// frame. Looking at the list's text must not lay it out, or the measure would measure itself.
    const WATCHING: &str = "
        const list = document.querySelector(\"[data-testid='patients']\");
        const shown = () => document.querySelector(\"[data-testid='patient-grid']\")?.textContent;
        const painted = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
        const changed = (before) => new Promise((done) => {
            const watch = new MutationObserver(() => { if (shown() !== before) end(true); });
            const given = setTimeout(() => end(false), RHYTHM - 10);
            const end = (so) => { watch.disconnect(); clearTimeout(given); done(so); };
            watch.observe(list, { subtree: true, childList: true, characterData: true });
        });
        window.keystrokes = [];
        window.whole = shown();
        addEventListener('keydown', (event) => {
            changed(shown()).then(async (so) => {
                if (so) await painted();
                window.keystrokes.push(so ? performance.now() - event.timeStamp : null);
            });
        }, { capture: true });
        return true";

    /// Empties the search, without a key.
    const EMPTIED: &str = "
        const input = document.querySelector(\"[data-testid='patient-search']\");
        Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(input, '');
        input.dispatchEvent(new Event('input', { bubbles: true }));
        return true";

    /// How long it is from one frame to the next where nothing changes, the median of sixty: no answer to a letter can be
    /// painted sooner.
    const FRAMES: &str = "
        window.frame = null;
        (async () => {
            const took = [];
            let last = performance.now();
            while (took.length < 60) {
                await new Promise((next) => requestAnimationFrame(next));
                took.push(performance.now() - last);
                last = performance.now();
            }
            window.frame = took.sort((one, other) => one - other)[30];
        })();
        return true";

    fn quantile(sorted: &[f64], share: f64) -> f64 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let at = ((sorted.len() as f64 * share).ceil() as usize).saturating_sub(1);
        sorted.get(at).copied().unwrap_or(f64::NAN)
    }

    async fn search(window: &Window) -> Result<(f64, Vec<f64>)> {
        window.press(&["g", "p"]).await?;
        window.wait("patient-row").await?;
        window.script(FRAMES).await?;
        let frame = window.wait_for_script("sixty frames", "return window.frame").await?;
        let frame_ms = frame.as_f64().context("the frames took no time")?;
        window.script(&WATCHING.replace("RHYTHM", &RHYTHM_MS.to_string())).await?;
        let (mut took, mut typed) = (Vec::new(), 0);
        for word in TYPED {
            window.type_keys(word, Duration::from_millis(RHYTHM_MS)).await?;
            typed += word.chars().count();
            let all = format!("return window.keystrokes.length >= {typed} && window.keystrokes");
            let notes = window.wait_for_script("a time for each letter", &all).await?;
            let notes: Vec<Option<f64>> = serde_json::from_value(notes)?;
            took = notes.into_iter().flatten().collect();
            window.script(EMPTIED).await?;
            let whole = "return document.querySelector(\"[data-testid='patient-grid']\")?.textContent === window.whole";
            window.wait_for_script("the whole list again", whole).await?;
        }
        eprintln!("{} of {typed} letters changed the list", took.len());
        ensure!(took.len() > 10, "only {} letters changed the list", took.len());
        took.sort_by(f64::total_cmp);
        Ok((frame_ms, took))
    }

    pub async fn run() -> Result<Value> {
        let number = |at: usize, otherwise: u32| {
            std::env::args()
                .nth(at)
                .map_or(Ok(otherwise), |text| text.parse())
                .context("a number is expected")
        };
        let (patients, starts) = (number(1, 100_000)?, number(2, 7)?);
        let folder = std::env::temp_dir().join(format!("vetsync-measure-{}", std::process::id()));
        let clinic = Clinic::start(&folder, patients, 1).await?;
        eprintln!("reading {patients} patients from both remotes");
        let filled = Command::new(program("VETSYNC_BIN", "vetsync")?)
            .arg("--config")
            .arg(clinic.config())
            .args(["--person", "dana", "--json", "sync"])
            .output()?;
        // The brake may stop the writes of so large a first comparison; everything is read all the same.
        let result: Value =
            serde_json::from_slice(&filled.stdout).context("`vetsync sync` printed no JSON")?;
        ensure!(result["counts"]["compared"].as_u64() > Some(0), "nothing was compared: {result}");

        let mut ready = Vec::new();
        let mut memory = Vec::new();
        // The first start warms the caches and does not count.
        for start in 0..=starts {
            let found = Arc::new(Mutex::new(None));
            let finding = Arc::clone(&found);
            in_window("measure-start", &clinic.environment("dana"), |window| async move {
                let after_ms = window.usable_after_ms().await?;
                let memory = memory_of(window.process()?)?;
                *finding.lock().map_err(|_| anyhow::anyhow!("a measure failed"))? = Some((after_ms, memory));
                Ok(())
            })
            .await?;
            let found = found.lock().ok().and_then(|mut found| found.take());
            let (after_ms, of) = found.context("a start was not measured")?;
            eprintln!("start {start}: {after_ms:.0} ms");
            if start > 0 {
                ready.push(after_ms);
                memory = of;
            }
        }
        ready.sort_by(f64::total_cmp);
        let mut whole = Memory::default();
        for (_, part) in &memory {
            whole += *part;
        }
        let found = Arc::new(Mutex::new((f64::NAN, Vec::new())));
        let finding = Arc::clone(&found);
        in_window("measure-search", &clinic.environment("dana"), |window| async move {
            window.usable_after_ms().await?;
            *finding.lock().map_err(|_| anyhow::anyhow!("a measure failed"))? = search(&window).await?;
            Ok(())
        })
        .await?;
        let (frame_ms, took) = found.lock().map_err(|_| anyhow::anyhow!("a measure failed"))?.clone();
        drop(clinic);
        let _ = std::fs::remove_dir_all(&folder);
        let (median_ms, p95_ms) = (quantile(&ready, 0.5), quantile(&took, 0.95));
        let measure = |name: &str, value: f64, unit: &str, target: Option<&str>, met: bool| json!({"name": name, "value": value, "unit": unit, "target": target, "met": met});
        #[expect(clippy::cast_precision_loss)]
        let mib = |kib: u64| kib as f64 / 1024.0;
        let mut measures = vec![
            measure("window: start to usable, median", median_ms, "ms", Some("< 1500"), median_ms < 1_500.0),
            measure("window: keystroke to painted row, p95", p95_ms, "ms", Some("< 100"), p95_ms < 100.0),
            measure("window: keystroke to painted row, median", quantile(&took, 0.5), "ms", None, true),
            measure("window: from one frame to the next, median", frame_ms, "ms", None, true),
            measure(
                "window: memory of all processes, shared pages once",
                mib(whole.pss_kib),
                "MiB",
                None,
                true,
            ),
        ];
        for (name, part) in memory {
            measures.push(measure(
                &format!("window: memory of {name}"),
                mib(part.pss_kib),
                "MiB",
                None,
                true,
            ));
        }
        Ok(json!({"patients": patients, "starts": starts, "letters": took.len(), "measures": measures}))
    }
}

#[cfg(target_os = "linux")]
#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let measures = format!("{:#}", measuring::run().await?);
    match std::env::var_os("VETSYNC_MEASURES") {
        Some(file) => std::fs::write(file, measures)?,
        None => println!("{measures}"),
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("The window is measured on Linux.");
}
