//! The Batch API: several requests in one, not a transaction (wire-facts 6.2).

use super::{Instance, error};
use crate::faults::Met;
use crate::wire::{Reply, Request, push_json_string};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Method, StatusCode};
use record::Json;

/// Larger bodies of one item are not accepted.
const ITEM_BYTES_MAX: usize = 5 * 1024 * 1024;

impl Instance {
    pub(crate) fn batch(&self, request: &Request, met: &Met) -> Reply {
        let malformed =
            |detail: &str| error(StatusCode::BAD_REQUEST, "Exception while reading request", Some(detail));
        let Some(parsed) = std::str::from_utf8(&request.body).ok().and_then(|text| Json::parse(text).ok())
        else {
            return malformed("The payload is not valid JSON");
        };
        let Some(requests @ Json::Array(_)) = parsed.get("rest_requests") else {
            return malformed("rest_requests is missing");
        };
        let mut body = String::from("{\"batch_request_id\":");
        push_json_string(
            parsed.get("batch_request_id").and_then(Json::as_str).unwrap_or_default(),
            &mut body,
        );
        body.push_str(",\"serviced_requests\":[");
        let mut unserviced = Vec::new();
        let mut first = true;
        for item in requests.items() {
            let id = item.get("id").and_then(Json::as_str).unwrap_or_default();
            let Some(inner) = self.inner_request(request, item) else {
                unserviced.push(id.to_owned());
                continue;
            };
            let reply = self.answer_with(&inner, met);
            if !first {
                body.push(',');
            }
            first = false;
            body.push_str("{\"id\":");
            push_json_string(id, &mut body);
            let encoded = STANDARD.encode(&reply.body);
            let text = reply.status.canonical_reason().unwrap_or_default();
            let code = reply.status.as_str();
            body.extend([
                ",\"status_code\":",
                code,
                ",\"status_text\":\"",
                text,
                "\",\"body\":\"",
                &encoded,
                "\"",
            ]);
            if item.get("exclude_response_headers") != Some(&Json::Bool(true)) {
                body.push_str(",\"headers\":[");
                for (at, (name, value)) in reply.headers.iter().enumerate() {
                    if at > 0 {
                        body.push(',');
                    }
                    body.push_str("{\"name\":");
                    push_json_string(name.as_str(), &mut body);
                    body.push_str(",\"value\":");
                    push_json_string(value.to_str().unwrap_or_default(), &mut body);
                    body.push('}');
                }
                body.push(']');
            }
            body.push_str(",\"execution_time\":1}");
        }
        body.push_str("],\"unserviced_requests\":[");
        for (at, id) in unserviced.iter().enumerate() {
            if at > 0 {
                body.push(',');
            }
            push_json_string(id, &mut body);
        }
        body.push_str("]}");
        Reply::json(StatusCode::OK, body)
    }

    /// One item as a request of its own, signed in like the batch; nothing if it cannot be carried out.
    fn inner_request(&self, outer: &Request, item: &Json) -> Option<Request> {
        let method =
            item.get("method").and_then(Json::as_str).and_then(|name| Method::try_from(name).ok())?;
        let url = item.get("url").and_then(Json::as_str)?;
        let target = url.strip_prefix(self.base_url().as_str()).unwrap_or(url);
        // A batch within a batch is not carried out.
        if target.contains("/batch") {
            return None;
        }
        let mut inner = Request::new(method, target);
        inner.headers.clone_from(&outer.headers);
        inner.headers.remove("content-length");
        for header in item.get("headers").map(Json::items).unwrap_or_default() {
            let name = header.get("name").and_then(Json::as_str)?;
            let value = header.get("value").and_then(Json::as_str)?;
            inner = inner.header(&name.to_ascii_lowercase(), value);
        }
        let sent = item.get("body").and_then(Json::as_str).unwrap_or_default();
        let decoded = STANDARD.decode(sent).ok()?;
        (decoded.len() <= ITEM_BYTES_MAX).then(|| inner.body(decoded))
    }
}
