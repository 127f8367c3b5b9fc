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
    // What is asked, and the status without a token and with one.
    let table = [
        ("from here", run(), 200, 200),
        ("from here, by IPv6", run().peer("[::1]:1"), 200, 200),
        ("from here, by IPv4 in IPv6", run().peer("[::ffff:127.0.0.1]:1"), 200, 200),
        ("from elsewhere", run().peer(ELSEWHERE), 403, 401),
        ("from elsewhere, by IPv6", run().peer("[2001:db8::7]:1"), 403, 401),
        ("from elsewhere with the token", bearer("s3cret").peer(ELSEWHERE), 403, 200),
        ("from elsewhere with a wrong token", bearer("s3cres").peer(ELSEWHERE), 403, 401),
        ("from elsewhere with half a token", bearer("s3c").peer(ELSEWHERE), 403, 401),
        ("from elsewhere with an empty token", bearer("").peer(ELSEWHERE), 403, 401),
        ("from here with a wrong token", bearer("s3cres"), 200, 401),
        ("another scheme", with("authorization", "Basic czNjcmV0").peer(ELSEWHERE), 403, 401),
        ("the scheme in lower case", with("authorization", "bearer s3cret").peer(ELSEWHERE), 403, 200),
        ("a page elsewhere", with("sec-fetch-site", "cross-site"), 403, 403),
        ("a page on another port", with("sec-fetch-site", "same-site"), 403, 403),
        ("our own page", with("sec-fetch-site", "same-origin"), 200, 200),
        ("a page with an origin", with("origin", "https://example.com"), 403, 403),
        ("a page without a telling origin", with("origin", "null"), 403, 403),
        ("a page with the token", bearer("s3cret").header("origin", "https://example.com"), 403, 200),
        ("by another name", with("host", "rebound.example.com:8081"), 403, 403),
        ("by a name that begins well", with("host", "localhost.example.com"), 403, 403),
        ("by a user name that misleads", with("host", "localhost@example.com"), 403, 403),
        ("by an address elsewhere", with("host", "192.0.2.1"), 403, 403),
        ("by no name", with("host", ""), 403, 403),
        ("by address", with("host", "127.0.0.1:8081"), 200, 200),
        ("by IPv6 address", with("host", "[::1]:8081"), 200, 200),
        ("by a name of this machine", with("host", "Probity.Localhost."), 200, 200),
        ("through a proxy", with("x-forwarded-for", "192.0.2.7"), 403, 403),
        ("through a modern proxy", with("forwarded", "for=192.0.2.7"), 403, 403),
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
    assert!(
        !format!("{:?}", Auth { token: Some(Secret::new("s3cret".into())), anonymous_control: false })
            .contains("s3cret")
    );
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
