//! The simulated remotes as a process of their own, with settings that connect to them.

use crate::program;
use anyhow::{Context as _, Result};
use reqwest::Method;
use serde_json::{Value, json};
use std::{
    ffi::OsString,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

/// How long the simulators may take to stand.
const STANDS_WITHIN: Duration = Duration::from_mins(1);

/// How long their controls may take to answer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(20);

/// `vetsync simulate`, until dropped.
#[derive(Debug)]
pub struct Clinic {
    child: Child,
    /// What it printed: addresses, CA file, credentials, the settings file.
    pub description: Value,
    folder: PathBuf,
    client: reqwest::Client,
}

/// An animal of the clinic that both remotes know and agree on.
#[derive(Debug, Clone)]
pub struct Animal {
    /// `sys_id` of its row.
    pub servicenow_key: String,
    /// Id of its resource.
    pub ehr_key: String,
    /// What it is called; no other animal of the clinic is called so.
    pub name: String,
}

/// The hospital's patient table.
const TABLE: &str = "/_sim/servicenow/rows/u_patient_record";
/// The extension that carries the weight.
const WEIGHT: &str = "https://vetsync.example/fhir/StructureDefinition/weight";

fn weight_in(extensions: &Value) -> Result<&Value> {
    let all = extensions.as_array().context("the resource has no extensions")?;
    let found = all.iter().find(|one| one["url"] == WEIGHT);
    Ok(&found.context("the resource has no weight")?["valueQuantity"])
}

impl Clinic {
    /// Starts the simulators with a seeded clinic; settings, secrets and data stand in `folder`. Patients alone are
    /// synchronised.
    pub async fn start(folder: &Path, patients: u32, seed: u64) -> Result<Clinic> {
        Clinic::of(folder, patients, seed, &[]).await
    }

    /// The same, with appointments.
    pub async fn with_appointments(folder: &Path, patients: u32, seed: u64) -> Result<Clinic> {
        Clinic::of(folder, patients, seed, &["--appointments"]).await
    }

    async fn of(folder: &Path, patients: u32, seed: u64, more: &[&str]) -> Result<Clinic> {
        let mut child = Command::new(program("VETSYNC_BIN", "vetsync")?)
            .args([
                "simulate",
                "--json",
                "--patients",
                &patients.to_string(),
                "--seed",
                &seed.to_string(),
                "--config-out",
            ])
            .arg(folder)
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("vetsync could not be started")?;
        let output = child.stdout.take().context("vetsync has no output")?;
        let reading = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            BufReader::new(output).read_line(&mut line).map(|_| line)
        });
        let mut clinic = Clinic {
            child,
            description: Value::Null,
            folder: folder.to_path_buf(),
            client: reqwest::Client::new(),
        };
        let line = tokio::time::timeout(STANDS_WITHIN, reading).await;
        let line =
            line.with_context(|| format!("the simulators did not stand within {STANDS_WITHIN:?}"))???;
        clinic.description =
            serde_json::from_str(&line).context("the simulators described themselves in no JSON")?;
        let authority = reqwest::Certificate::from_pem(clinic.described("ca_pem")?.as_bytes())?;
        clinic.client =
            reqwest::Client::builder().tls_certs_only([authority]).timeout(ANSWERS_WITHIN).build()?;
        Ok(clinic)
    }

    /// The environment of a window that is connected to this clinic, with this person at the desk.
    pub fn environment(&self, person: &str) -> Vec<(&'static str, OsString)> {
        vec![
            ("VETSYNC_CONFIG", self.config().into()),
            ("VETSYNC_PERSON", person.into()),
            // What the web view itself keeps, such as a chosen appearance, is not to reach the next test.
            ("XDG_DATA_HOME", self.folder.join("share").into()),
            ("XDG_CACHE_HOME", self.folder.join("cache").into()),
        ]
    }

    /// The same, with a first comparison that starts by itself, as in the demo.
    pub fn environment_with_run(&self, person: &str) -> Vec<(&'static str, OsString)> {
        let mut environment = self.environment(person);
        environment.push(("VETSYNC_RUN_AT_START", "1".into()));
        environment
    }

    /// The settings file.
    pub fn config(&self) -> PathBuf {
        self.folder.join("vetsync.toml")
    }

    /// Where database and secrets stand.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn described(&self, name: &str) -> Result<&str> {
        let text = self.description.get(name).and_then(Value::as_str);
        text.with_context(|| format!("the simulators do not say {name}"))
    }

    /// A request to the simulators' own controls, past the interfaces of the remotes.
    pub async fn control(&self, method: Method, path: &str, body: &Value) -> Result<Value> {
        let url = format!("{}{path}", self.described("servicenow_url")?);
        let mut request = self.client.request(method, &url);
        if !body.is_null() {
            request = request.json(body);
        }
        let answer = request.send().await?.error_for_status()?;
        answer.json().await.with_context(|| format!("{url} answered no JSON"))
    }

    /// The animal's weight in its resource, with its unit.
    pub async fn weight(&self, animal: &Animal) -> Result<String> {
        let resource = self.resource(animal).await?;
        let quantity = weight_in(&resource["extension"])?;
        Ok(format!("{} {}", quantity["value"], quantity["unit"].as_str().unwrap_or_default()))
    }

    /// Weighs the animal in the EHR.
    pub async fn weigh(&self, animal: &Animal, kilograms: f64) -> Result<()> {
        let mut extensions = self.resource(animal).await?["extension"].take();
        let url = json!(WEIGHT);
        let entry = extensions.as_array_mut().and_then(|all| all.iter_mut().find(|one| one["url"] == url));
        let entry = entry.context("the resource has no weight")?;
        entry["valueQuantity"]["value"] = json!(kilograms);
        self.edit_resource(animal, &json!({"extension": extensions})).await
    }

    /// An animal that both remotes know and agree on, with something in each of these columns.
    pub async fn agreeing(&self, columns: &[&str]) -> Result<Animal> {
        let all = self.all_agreeing(columns).await?;
        all.into_iter().next().with_context(|| format!("the clinic has no agreeing animal with {columns:?}"))
    }

    /// All of these, each with a name of its own.
    pub async fn all_agreeing(&self, columns: &[&str]) -> Result<Vec<Animal>> {
        let truth = self.control(Method::GET, "/_sim/clinic/truth", &Value::Null).await?;
        let rows = self.control(Method::GET, TABLE, &Value::Null).await?;
        let rows = rows["rows"].as_array().context("the table has no rows")?;
        let named = |name: &Value| rows.iter().filter(|row| row["u_patient_name"] == *name).count();
        let fits = |row: &Value| {
            let name = row["u_patient_name"].as_str().unwrap_or_default();
            // A name that is typed as it stands.
            let is_plain = !name.is_empty() && name.chars().all(char::is_alphanumeric);
            let is_full = columns.iter().all(|column| row[column] != "");
            is_plain && is_full && row["u_deceased"] == "false" && named(&row["u_patient_name"]) == 1
        };
        let mut animals = Vec::new();
        for pair in truth["pairs"].as_array().context("the truth has no pairs")? {
            let fields = pair["fields"].as_array().context("a pair has no fields")?;
            if pair["link"] != "cross_reference" || fields.iter().any(|field| field["expected"] != "equal") {
                continue;
            }
            let row = rows.iter().find(|row| row["sys_id"] == pair["servicenow_key"]);
            if let Some(row) = row.filter(|row| fits(row)) {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                animals.push(Animal {
                    servicenow_key: text(&pair["servicenow_key"]),
                    ehr_key: text(&pair["ehr_key"]),
                    name: text(&row["u_patient_name"]),
                });
            }
        }
        Ok(animals)
    }

    /// A column of the animal's row as it is stored now.
    pub async fn column(&self, animal: &Animal, column: &str) -> Result<String> {
        let path = format!("{TABLE}/{}", animal.servicenow_key);
        let row = self.control(Method::GET, &path, &Value::Null).await?;
        row[column].as_str().map(str::to_owned).with_context(|| format!("the row has no {column}"))
    }

    /// Edits the animal's row as a colleague at the front desk does.
    pub async fn edit_row(&self, animal: &Animal, column: &str, value: &str) -> Result<()> {
        let path = format!("{TABLE}/{}", animal.servicenow_key);
        let edit = json!({"user": "front.desk", "values": {column: value}});
        let answer = self.control(Method::PATCH, &path, &edit).await?;
        anyhow::ensure!(answer["changed"] == true, "the row did not change: {answer}");
        Ok(())
    }

    /// The animal's resource as it is stored now.
    pub async fn resource(&self, animal: &Animal) -> Result<Value> {
        let path = format!("/_sim/ehr/patients/{}", animal.ehr_key);
        let mut chart = self.control(Method::GET, &path, &Value::Null).await?;
        Ok(chart["patient"].take())
    }

    /// The owner's phone or e-mail in the animal's resource.
    pub async fn telecom(&self, animal: &Animal, system: &str) -> Result<String> {
        let resource = self.resource(animal).await?;
        let telecom = resource["contact"][0]["telecom"].as_array().context("the owner has no telecom")?;
        let entry = telecom.iter().find(|entry| entry["system"] == system);
        let value = entry.and_then(|entry| entry["value"].as_str());
        value.map(str::to_owned).with_context(|| format!("the owner has no {system}"))
    }

    /// Edits the owner's phone or e-mail in the animal's resource as a colleague does.
    pub async fn edit_telecom(&self, animal: &Animal, system: &str, value: &str) -> Result<()> {
        let mut contact = self.resource(animal).await?["contact"].take();
        for entry in contact[0]["telecom"].as_array_mut().context("the owner has no telecom")? {
            if entry["system"] == system {
                entry["value"] = value.into();
            }
        }
        self.edit_resource(animal, &json!({"contact": contact})).await
    }

    /// Sets top-level members of the animal's resource.
    pub async fn edit_resource(&self, animal: &Animal, members: &Value) -> Result<()> {
        let path = format!("/_sim/ehr/patients/{}", animal.ehr_key);
        let answer = self.control(Method::PATCH, &path, members).await?;
        anyhow::ensure!(answer["changed"] == true, "the resource did not change: {answer}");
        Ok(())
    }

    /// Lets a remote (`servicenow`, `ehr`, `idp`) misbehave until [`Clinic::mend`].
    pub async fn fault(&self, remote: &str, fault: &Value) -> Result<()> {
        let path = format!("/_sim/{remote}/faults");
        self.control(Method::POST, &path, &json!({"fault": fault})).await.map(|_| ())
    }

    /// Lets a remote misbehave for requests of one method only.
    pub async fn fault_on(&self, remote: &str, method: &str, fault: &Value) -> Result<()> {
        let path = format!("/_sim/{remote}/faults");
        let planned = json!({"fault": fault, "method": method});
        self.control(Method::POST, &path, &planned).await.map(|_| ())
    }

    /// Ends a remote's faults.
    pub async fn mend(&self, remote: &str) -> Result<()> {
        self.control(Method::DELETE, &format!("/_sim/{remote}/faults"), &Value::Null).await.map(|_| ())
    }

    /// Cuts both remotes off, or joins them again.
    pub async fn cut_off(&self, off: bool) -> Result<()> {
        for remote in ["servicenow", "ehr", "idp"] {
            if off {
                self.fault(remote, &json!("drop_request")).await?;
            } else {
                self.mend(remote).await?;
            }
        }
        Ok(())
    }

    /// Ends the simulators: from now on both remotes are unreachable.
    pub fn stop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

impl Drop for Clinic {
    fn drop(&mut self) {
        self.stop();
    }
}
