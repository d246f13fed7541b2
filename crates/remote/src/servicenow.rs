//! servicenow
