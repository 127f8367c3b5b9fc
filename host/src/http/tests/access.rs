//! Who may have a check run.

use super::*;

#[tokio::test]
async fn a_run_is_answered_with_what_came_of_it() {
    let house = House::running();
    let answer = post("/health/checks/queue/run").of(&house.router).await;
    assert_eq!(answer.status, 200);
    assert_eq!((&answer.json()["name"], &answer.json()["status"]), (&"queue".into(), &"healthy".into()));
    assert_eq!(answer.json()["results"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn only_this_machine_and_the_token_may_have_a_check_run() {
    let run = || post("/health/checks/queue/run");
    let with = |name, value: &str| run().header(name, value);
    let bearer = |token: &str| run().header("authorization", format!("Bearer {token}"));
    // What is asked, and the status where there is no token and where there is one: then all that changes something takes it.
    let table = [
        ("from here", run(), 200, 401),
        ("from here with the token", bearer("s3cret"), 200, 200),
        ("from here, by IPv6", run().peer("[::1]:1"), 200, 401),
        ("from here, by IPv4 in IPv6", run().peer("[::ffff:127.0.0.1]:1"), 200, 401),
        ("from elsewhere", run().peer(ELSEWHERE), 403, 401),
        ("from elsewhere, by IPv6", run().peer("[2001:db8::7]:1"), 403, 401),
        ("from elsewhere with the token", bearer("s3cret").peer(ELSEWHERE), 403, 200),
        ("from elsewhere with a wrong token", bearer("s3cres").peer(ELSEWHERE), 403, 401),
        ("from elsewhere with half a token", bearer("s3c").peer(ELSEWHERE), 403, 401),
        ("from elsewhere with an empty token", bearer("").peer(ELSEWHERE), 403, 401),
        ("from here with a wrong token", bearer("s3cres"), 200, 401),
        ("another scheme", with("authorization", "Basic czNjcmV0").peer(ELSEWHERE), 403, 401),
        ("the scheme in lower case", with("authorization", "bearer s3cret").peer(ELSEWHERE), 403, 200),
        ("a page elsewhere", with("sec-fetch-site", "cross-site"), 403, 401),
        ("a page on another port", with("sec-fetch-site", "same-site"), 403, 401),
        ("our own page", with("sec-fetch-site", "same-origin"), 200, 401),
        ("a page with an origin", with("origin", "https://example.com"), 403, 401),
        ("a page without a telling origin", with("origin", "null"), 403, 401),
        ("a page with the token", bearer("s3cret").header("origin", "https://example.com"), 403, 200),
        ("by another name", with("host", "rebound.example.com:8081"), 403, 401),
        ("by a name that begins well", with("host", "localhost.example.com"), 403, 401),
        ("by a user name that misleads", with("host", "localhost@example.com"), 403, 401),
        ("by an address elsewhere", with("host", "192.0.2.1"), 403, 401),
        ("by no name", with("host", ""), 403, 401),
        ("by address", with("host", "127.0.0.1:8081"), 200, 401),
        ("by IPv6 address", with("host", "[::1]:8081"), 200, 401),
        ("by a name of this machine", with("host", "Probity.Localhost."), 200, 401),
        ("through a proxy", with("x-forwarded-for", "192.0.2.7"), 403, 401),
        ("through a modern proxy", with("forwarded", "for=192.0.2.7"), 403, 401),
    ];
    let (open, locked) = (House::new(), House::with(Some("s3cret")));
    for (case, ask, without, with) in table {
        let again = Ask {
            headers: ask.headers.clone(),
            path: ask.path.clone(),
            method: ask.method.clone(),
            body: String::new(),
            ..ask
        };
        assert_eq!(ask.of(&open.router).await.status.as_u16(), without, "{case}, without a token");
        let answer = again.of(&locked.router).await;
        assert_eq!(answer.status.as_u16(), with, "{case}, with a token");
        let challenge = (with == 401).then_some("Bearer realm=\"probity\"");
        assert_eq!(answer.header("www-authenticate"), challenge, "{case}");
    }
}

#[tokio::test]
async fn a_connection_whose_peer_is_unknown_is_not_from_here() {
    let house = House::new();
    let request = Request::post("/health/checks/queue/run").header("host", "localhost").body(Body::empty()).unwrap();
    assert_eq!(house.router.oneshot(request).await.unwrap().status(), 403);
}

#[tokio::test]
async fn who_may_not_is_told_what_to_do_about_it() {
    let ask = || post("/health/checks/queue/run").peer(ELSEWHERE);
    let detail = async |house: House| ask().of(&house.router).await.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail(House::new()).await.contains("http.auth.token = \"${env:PROBITY_TOKEN}\""));
    let detail = detail(House::with(Some("s3cret"))).await;
    assert!(detail.contains("Authorization: Bearer") && !detail.contains("s3cret"), "{detail}");
    assert!(!format!("{:?}", holding(Some("s3cret"))).contains("s3cret"));
}

/// Every route, by what it takes: where reading is protected, and where it is not.
#[tokio::test]
async fn each_route_takes_its_scope_and_no_other() {
    let routes = crate::http::openapi();
    let mut tried = 0;
    for protects_reads in [true, false] {
        let router = scoped(protects_reads);
        for (path, methods) in routes["paths"].as_object().unwrap() {
            for method in methods.as_object().unwrap().keys() {
                let path = path.replace("{name}", "dns").replace("{check}", "dns").replace("{kind}", "fail");
                let writes = method != "get";
                let needed = match path.as_str() {
                    // Who says nothing of themselves is told what they may; a wrong token is refused all the same.
                    "/whoami" => None,
                    "/health/live" | "/livez" => None,
                    "/probe" => Some("control"),
                    path if path.ends_with("/reports") => Some("read"),
                    path if path.contains("/report") => Some("report"),
                    _ if writes => Some("control"),
                    _ => protects_reads.then_some("read"),
                };
                let ask = |token: Option<&str>| {
                    let ask = get(&path).method(method.to_uppercase().parse().unwrap()).peer(ELSEWHERE).body("{}");
                    token
                        .map(|token| format!("Bearer {token}"))
                        .into_iter()
                        .fold(ask, |ask, bearer| ask.header("authorization", bearer))
                };
                for token in
                    [None, Some("t-wrong"), Some("t-read"), Some("t-report"), Some("t-control"), Some("t-admin")]
                {
                    let expected = match (needed, token) {
                        (None, Some("t-wrong")) if path == "/whoami" => Some(401),
                        (None, _) => None,
                        (Some(_), None | Some("t-wrong")) => Some(401),
                        (Some(needed), Some(token)) if token != format!("t-{needed}") && token != "t-admin" => {
                            Some(403)
                        }
                        _ => None,
                    };
                    let what = format!("{method} {path} with {token:?}, reads protected: {protects_reads}");
                    let status = ask(token).status_of(&router).await;
                    match expected {
                        Some(expected) => assert_eq!(status, expected, "{what}"),
                        None => assert!(!matches!(status, 401 | 403), "{what}: {status}"),
                    }
                    tried += 1;
                }
            }
        }
    }
    assert!(tried > 300, "{tried}");
}

#[tokio::test]
async fn everybody_here_may_do_all_if_the_operator_says_so() {
    let house = House::running();
    let tokens = vec![known("s3cret", Scopes::ALL)];
    let auth =
        ruled(config::Auth { allow_anonymous_control: true, protects_reads: true, tokens, ..Default::default() });
    let control = Arc::new(Runner { board: Arc::clone(&house.board), refused: None });
    let alerts = Alerts::untold(Arc::clone(&house.board), events());
    let router =
        router(State { board: house.board, events: events(), alerts, auth, control, prober: Arc::new(Nobody) });
    for ask in [|| get("/health"), || post("/connections/dns/connect")] {
        assert_eq!(ask().of(&router).await.status, 200);
        assert_eq!(ask().peer(ELSEWHERE).of(&router).await.status, 401);
        assert_eq!(ask().header("origin", "https://example.com").of(&router).await.status, 403);
    }
}

#[tokio::test]
async fn reading_needs_no_token() {
    let house = House::with(Some("s3cret"));
    for path in ["/", "/health", "/health/checks/queue", "/probes", "/metrics"] {
        let answer = get(path).peer(ELSEWHERE).header("host", "probity.example.com").of(&house.router).await;
        assert_ne!(answer.status, 401, "{path}");
        assert_ne!(answer.status, 403, "{path}");
    }
}
