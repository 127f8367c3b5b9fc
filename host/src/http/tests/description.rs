//! The description of the routes is true: every route is in it, and every response is as it says.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::*;

/// Whether a value is as a schema says: as much of JSON Schema as the description makes use of.
fn check(value: &Json, schema: &Json, description: &Json, at: &str) {
    let schema_keys =
        ["$ref", "allOf", "oneOf", "type", "properties", "required", "items", "enum", "additionalProperties"];
    let notes = ["description", "example", "format", "minimum", "propertyNames"];
    for key in schema.as_object().unwrap().keys() {
        assert!(schema_keys.contains(&&**key) || notes.contains(&&**key), "{at}: unexpected {key} in {schema}");
    }
    if let Some(path) = schema["$ref"].as_str() {
        let schema = description.pointer(path.strip_prefix('#').unwrap()).unwrap_or_else(|| panic!("{at}: no {path}"));
        return check(value, schema, description, at);
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        check(value, part, description, at);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        // All of ours are "null, or something else".
        let other = choices.iter().find(|choice| choice["type"] != "null").unwrap();
        if !value.is_null() {
            check(value, other, description, at);
        }
        return;
    }
    let types: Vec<_> = match &schema["type"] {
        Json::String(one) => vec![&**one],
        Json::Array(several) => several.iter().map(|one| one.as_str().unwrap()).collect(),
        _ => vec![],
    };
    let is = |kind: &str| match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{at}: {other}"),
    };
    assert!(types.is_empty() || types.iter().any(|kind| is(kind)), "{at}: {value} is not {types:?}");
    if let Some(words) = schema["enum"].as_array() {
        assert!(words.contains(value), "{at}: {value} is none of {words:?}");
    }
    for item in value.as_array().into_iter().flatten() {
        check(item, &schema["items"], description, &format!("{at}[]"));
    }
    for required in schema["required"].as_array().into_iter().flatten() {
        assert!(value.get(required.as_str().unwrap()).is_some(), "{at}: {required} is missing in {value}");
    }
    for (key, value) in value.as_object().into_iter().flatten() {
        let property = match (&schema["properties"][key], &schema["additionalProperties"]) {
            (Json::Null, Json::Null) => continue,
            (Json::Null, others) => others,
            (property, _) => property,
        };
        check(value, property, description, &format!("{at}.{key}"));
    }
}

/// All properties that a schema and those it is made of know.
fn known(schema: &Json, description: &Json) -> BTreeSet<String> {
    let mut names: BTreeSet<_> =
        schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
    if let Some(path) = schema["$ref"].as_str() {
        names.extend(known(description.pointer(path.strip_prefix('#').unwrap()).unwrap(), description));
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        names.extend(known(part, description));
    }
    names
}

/// What does not come of a plain request to an idle runner, or of its routes alone: what was not modified, what becomes a
/// WebSocket, what never ends, what there are too many of, and what is too large. Other tests see to them.
fn is_seen_elsewhere(path: &str, status: &str) -> bool {
    let is_followed = path.starts_with("/events");
    // What is accepted is not judged yet, which takes a runner that is busy.
    matches!(status, "202" | "304" | "429")
        || (path.ends_with("/report/{kind}") && status == "413")
        || (path == "/silences" && status == "503")
        || (is_followed && matches!(status, "101" | "200" | "503"))
}

#[tokio::test]
async fn every_response_is_as_described() {
    let description = super::super::openapi();
    let keeping = history::Keeping::new();
    let (decreed, trusted) = alerts::decrees().await;
    let (starting, running) = (House::with(Some("s3cret")), House::running());
    let stopping = router_of(&running.board, None, Some(Refused::Stopping));
    let protected = scoped(true);
    let gone = House::new();
    gone.board.enter(Phase::Stopping);

    let run = |check: &str| post(&format!("/health/checks/{check}/run"));
    let asked = [
        ("/", get("/"), &running.router),
        ("/openapi.json", get("/openapi.json"), &running.router),
        ("/whoami", get("/whoami"), &running.router),
        ("/whoami", get("/whoami").header("authorization", "Bearer wrong"), &starting.router),
        ("/status", get("/status"), &running.router),
        ("/status/{group}", get("/status/storage"), &running.router),
        ("/status/{group}", get("/status/none"), &running.router),
        ("/status/{group}", get("/status/none").header("accept", "text/html"), &running.router),
        ("/status/{group}", get("/status/%ff"), &running.router),
        ("/badge/{check}/status.svg", get("/badge/queue/status.svg"), &running.router),
        ("/badge/{check}/status.svg", get("/badge/A/status.svg"), &running.router),
        ("/badge/{check}/status.svg", get("/badge/qeue/status.svg"), &running.router),
        ("/badge/{check}/uptime.svg", get("/badge/queue/uptime.svg"), &running.router),
        ("/badge/{check}/uptime.svg", get("/badge/A/uptime.svg"), &running.router),
        ("/badge/{check}/uptime.svg", get("/badge/qeue/uptime.svg"), &running.router),
        ("/badge/{check}/latency.svg", get("/badge/queue/latency.svg"), &running.router),
        ("/badge/{check}/latency.svg", get("/badge/A/latency.svg"), &running.router),
        ("/badge/{check}/latency.svg", get("/badge/qeue/latency.svg"), &running.router),
        ("/health", get("/health"), &running.router),
        ("/health", get("/health"), &starting.router),
        ("/health/ready", get("/health/ready"), &running.router),
        ("/health/ready", get("/health/ready"), &starting.router),
        ("/health/live", get("/health/live"), &running.router),
        ("/health/live", get("/health/live"), &gone.router),
        ("/health/live", get("/health/live?verbose"), &running.router),
        ("/health/live", get("/health/live?verbose=2"), &running.router),
        ("/livez", get("/livez"), &running.router),
        ("/livez", get("/livez"), &gone.router),
        ("/livez", get("/livez?exclude=A"), &running.router),
        ("/health", get("/health").header("accept", "text/html"), &running.router),
        ("/health", get("/health").header("accept", "text/html"), &starting.router),
        ("/health", get("/health").header("accept", "application/health+json"), &running.router),
        ("/health", get("/health").header("accept", "application/health+json"), &starting.router),
        ("/health", get("/health").header("accept", "text/plain"), &running.router),
        ("/health", get("/health?verbose=2"), &running.router),
        ("/health", get("/health?group=none"), &running.router),
        ("/health/ready", get("/health/ready?exclude=A"), &running.router),
        ("/health/ready", get("/health/ready?group=none"), &running.router),
        ("/readyz", get("/readyz"), &running.router),
        ("/readyz", get("/readyz"), &starting.router),
        ("/readyz", get("/readyz?exclude=A"), &running.router),
        ("/readyz", get("/readyz?group=none"), &running.router),
        ("/health/groups/{group}", get("/health/groups/storage"), &running.router),
        ("/health/groups/{group}", get("/health/groups/storage"), &starting.router),
        ("/health/groups/{group}", get("/health/groups/none"), &running.router),
        ("/health/groups/{group}", get("/health/groups/storage?group=other"), &running.router),
        ("/health/startup", get("/health/startup"), &running.router),
        ("/health/startup", get("/health/startup"), &starting.router),
        ("/health/summary", get("/health/summary"), &running.router),
        ("/health/summary", get("/health/summary?group=none"), &running.router),
        ("/health/summary", get("/health/summary?exclude=A"), &running.router),
        ("/health/checks", get("/health/checks"), &running.router),
        ("/health/checks", get("/health/checks?group=none"), &running.router),
        ("/health/checks", get("/health/checks?exclude=A"), &running.router),
        ("/health/checks/{name}", get("/health/checks/orders-db"), &running.router),
        ("/health/checks/{name}", get("/health/checks/dns"), &running.router),
        ("/health/checks/{name}", get("/health/checks/new"), &running.router),
        ("/health/checks/{name}", get("/health/checks/A"), &running.router),
        ("/health/checks/{name}", get("/health/checks/qeue"), &running.router),
        ("/health/checks/{name}/run", run("queue"), &running.router),
        ("/health/checks/{name}/run", run("A"), &running.router),
        ("/health/checks/{name}/run", run("queue").peer(ELSEWHERE), &running.router),
        ("/health/checks/{name}/run", run("queue").peer(ELSEWHERE), &starting.router),
        ("/health/checks/{name}/run", run("qeue"), &running.router),
        ("/health/checks/{name}/run", run("queue"), &stopping),
        ("/connections", get("/connections"), &running.router),
        ("/connections/{check}", get("/connections/orders-db"), &running.router),
        ("/connections/{check}", get("/connections/new"), &running.router),
        ("/connections/{check}", get("/connections/A"), &running.router),
        ("/connections/{check}", get("/connections/qeue"), &running.router),
        ("/connections/{check}/stats", get("/connections/orders-db/stats"), &running.router),
        ("/connections/{check}/stats", get("/connections/A/stats"), &running.router),
        ("/connections/{check}/stats", get("/connections/qeue/stats"), &running.router),
        ("/connections/{check}/circuit", get("/connections/orders-db/circuit"), &running.router),
        ("/connections/{check}/circuit", get("/connections/A/circuit"), &running.router),
        ("/connections/{check}/circuit", get("/connections/qeue/circuit"), &running.router),
        ("/events/ws", get("/events/ws"), &running.router),
        ("/events/ws", get("/events/ws").header("origin", "https://example.com"), &running.router),
        ("/events", get("/events?type=none"), &running.router),
        ("/probes", get("/probes"), &running.router),
        ("/metrics", get("/metrics"), &running.router),
        ("/metrics", get("/metrics").header("accept", "application/openmetrics-text"), &running.router),
        ("/probe", get("/probe?target=one"), &running.router),
        ("/probe", get("/probe?target=fault"), &running.router),
        ("/probe", get("/probe?target=off"), &running.router),
        ("/probe", get("/probe?target=busy"), &running.router),
        ("/probe", get("/probe"), &running.router),
        ("/probe", get("/probe?target=one"), &starting.router),
    ];
    // All that changes something can go wrong in the same ways.
    let changes: [(&str, &str, Method, &str); 12] = [
        ("/connections/{check}/connect", "connect", Method::POST, ""),
        ("/connections/{check}/disconnect", "disconnect", Method::POST, ""),
        ("/connections/{check}/check", "check", Method::POST, ""),
        ("/connections/{check}/reset", "reset", Method::POST, ""),
        ("/connections/{check}/acquire", "acquire", Method::POST, ""),
        ("/connections/{check}/outcomes", "outcomes", Method::POST, r#"{"success": true}"#),
        ("/connections/{check}/mode", "mode", Method::PUT, r#"{"mode": "forced-up"}"#),
        ("/connections/{check}/circuit/half-open", "circuit/half-open", Method::POST, ""),
        ("/connections/{check}/circuit/force-open", "circuit/force-open", Method::POST, ""),
        ("/connections/{check}/circuit/force-closed", "circuit/force-closed", Method::POST, ""),
        ("/connections/{check}/circuit/auto", "circuit/auto", Method::POST, ""),
        ("/connections/{check}/circuit/expiry", "circuit/expiry", Method::PUT, r#"{"seconds": 5}"#),
    ];
    let stopping_locked = router_of(&running.board, Some("s3cret"), Some(Refused::Stopping));
    let changed = changes.iter().flat_map(|(route, path, method, body)| {
        let ask = |check: &str| get(&format!("/connections/{check}/{path}")).method(method.clone()).body(body);
        [
            (*route, ask("cache").trusted(), &starting.router),
            (*route, ask("queue").trusted(), &starting.router),
            (*route, ask("A").trusted(), &starting.router),
            (*route, ask("qeue").trusted(), &starting.router),
            (*route, ask("queue"), &starting.router),
            (*route, ask("queue"), &running.router),
            (*route, ask("queue").trusted(), &stopping_locked),
        ]
    });
    for house in [&running, &starting] {
        house.board.check("cache").unwrap().listen(start());
    }
    let reports = [
        ("/health/checks/{name}/report", "report", Method::POST),
        ("/health/checks/{name}/report/{kind}", "report/fail", Method::POST),
        ("/health/checks/{name}/reports", "reports", Method::GET),
    ];
    let large = format!("{{\"message\": \"{}\"}}", "x".repeat(1024 * 1024));
    let reported = reports.iter().flat_map(|(route, path, method)| {
        let ask = |check: &str| get(&format!("/health/checks/{check}/{path}")).method(method.clone());
        let usual = [
            (*route, ask("cache").trusted(), &starting.router),
            (*route, ask("A").trusted(), &starting.router),
            (*route, ask("cache"), &starting.router),
            (*route, ask("cache"), &running.router),
            (*route, ask("cahce").trusted(), &starting.router),
            (*route, ask("queue").trusted(), &starting.router),
        ];
        let told = (*method == Method::POST).then(|| {
            [
                (*route, ask("cache").trusted().body(&large), &starting.router),
                (*route, ask("cache").trusted(), &stopping_locked),
            ]
        });
        usual.into_iter().chain(told.into_iter().flatten())
    });
    // Reading may take a token, which may be missing or good for something else.
    // What it takes for `/probe` is more than to read.
    let read = description["paths"].as_object().unwrap().iter().filter(|(path, of)| {
        !["/health/live", "/livez", "/probe", "/whoami"].contains(&path.as_str()) && of.get("get").is_some()
    });
    let read = read.flat_map(|(path, _)| {
        let ask = || get(&path.replace("{name}", "cache").replace("{check}", "cache").replace("{group}", "storage"));
        let other = ask().header("authorization", "Bearer t-report");
        [(path.as_str(), ask(), &protected), (path.as_str(), other, &protected)]
    });
    let decreed =
        decreed.into_iter().map(|(route, ask, knows)| (route, ask, if knows { &trusted } else { &running.router }));
    let past = keeping.questions().into_iter().map(|(route, ask)| (route, ask, &keeping.house.router));
    let forgotten = keeping.questions().into_iter().map(|(route, ask)| (route, ask, &running.router));
    let mut seen = BTreeSet::new();
    for (route, ask, router) in
        asked.into_iter().chain(changed).chain(decreed).chain(reported).chain(read).chain(past).chain(forgotten)
    {
        let method = ask.method.as_str().to_lowercase();
        let answer = ask.of(router).await;
        let status = answer.status.as_str().to_owned();
        let at = format!("{method} {route} {status}");
        let response = &description["paths"][route][&method]["responses"][&status];
        assert!(!response.is_null(), "{at} is not described");
        let content = &response["content"][answer.header("content-type").unwrap()];
        assert!(!content.is_null(), "{at}: its media type is not described");
        let is_json = answer.header("content-type").is_some_and(|kind| kind.contains("json"));
        if let Some(schema) = content.get("schema").filter(|_| is_json) {
            let body = answer.json();
            check(&body, schema, &description, &at);
            let known = known(schema, &description);
            let told = body.as_object().unwrap().keys().cloned().collect();
            assert!(known.is_superset(&told), "{at}: not described: {:?}", told.difference(&known));
        }
        seen.insert((route.to_owned(), method, status));
    }

    // And nothing is described that does not happen.
    for (path, operations) in description["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            for status in
                operation["responses"].as_object().unwrap().keys().filter(|status| !is_seen_elsewhere(path, status))
            {
                let described = (path.clone(), method.clone(), status.clone());
                assert!(seen.contains(&described), "{described:?} was not seen");
            }
        }
    }
}

#[tokio::test]
async fn operations_have_names_of_their_own() {
    let description = super::super::openapi();
    let operations =
        description["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap().values());
    let names: Vec<_> = operations.map(|operation| operation["operationId"].as_str().unwrap()).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
}

#[tokio::test]
async fn what_is_served_is_the_description() {
    let house = House::running();
    assert_eq!(get("/openapi.json").of(&house.router).await.json(), super::super::openapi());
}
