//! Tokens as the providers write them: users' and agents' own, and those that are no access tokens.

use super::*;

fn world(profile: Profile, issuer: &str) -> World {
    let mut written = written(profile, &["RS256"], &[rs256().jwk("k")]);
    written.issuer = issuer.to_owned();
    World::one(written)
}

/// Signs with the provider's header: with `typ`, or without one.
fn rs(typ: Option<&str>, payload: &Value) -> String {
    let mut header = json!({"alg": "RS256", "kid": "k"});
    if let Some(typ) = typ {
        header["typ"] = json!(typ);
    }
    rs256().sign(&header, payload)
}

/// Neither ID nor refresh tokens are accepted, whichever of their marks is the only one.
fn refuses_other_tokens(world: &World, typ: Option<&str>, access: &Value) {
    for mark in [
        json!({"nonce": "n-1"}),
        json!({"at_hash": "x"}),
        json!({"c_hash": "x"}),
        json!({"typ": "ID"}),
        json!({"typ": "Refresh"}),
        json!({"typ": "Offline"}),
        json!({"token_use": "id"}),
    ] {
        let token = rs(typ, &changed(access.clone(), mark.clone()));
        assert_eq!(world.verify(&token).unwrap_err(), Reason::WrongTokenType, "{mark}");
    }
}

const KEYCLOAK: &str = "https://kc.example.com/realms/acme";

fn keycloak_user() -> Value {
    json!({
        "exp": 1_795_526_400, "iat": 1_795_526_100, "auth_time": 1_795_526_000,
        "jti": "onrtac:1f2e", "iss": KEYCLOAK, "aud": ["documents", "account"],
        "sub": "f3b2a1c0-9d8e-4f7a-8b6c-5d4e3f2a1b0c", "typ": "Bearer", "azp": "support-assistant",
        "sid": "a-session", "acr": "1", "allowed-origins": ["https://app.example.com"],
        "realm_access": {"roles": ["support", "default-roles-acme"]},
        "resource_access": {"account": {"roles": ["view-profile"]}},
        "scope": "openid profile read:document", "email_verified": true,
        "preferred_username": "alice", "groups": ["/support"],
    })
}

#[test]
fn keycloak_users_and_service_accounts() {
    let world = world(Profile::Keycloak, KEYCLOAK);
    let user = world.verify(&rs(Some("JWT"), &keycloak_user())).unwrap();
    assert_eq!(user.principal, Principal::User);
    assert_eq!(user.client_id, ClientId::Agreed("support-assistant".to_owned()));
    assert_eq!(user.audiences, ["documents", "account"]);
    assert!(user.scopes.covers(Action::Read, on("document")));
    let service = |azp: &str, name: &str| {
        let changes =
            json!({"azp": azp, "client_id": azp, "preferred_username": name, "sid": null});
        world.verify(&rs(Some("JWT"), &changed(keycloak_user(), changes))).unwrap().principal
    };
    assert_eq!(service("indexer", "service-account-indexer"), Principal::Own);
    // Keycloak writes the name in lower case.
    assert_eq!(service("Indexer", "service-account-indexer"), Principal::Own);
    // The whole name, not a beginning of it.
    assert_eq!(service("indexer", "service-account-indexer2"), Principal::User);
    let nameless = changed(keycloak_user(), json!({"preferred_username": null}));
    let nameless = world.verify(&rs(Some("JWT"), &nameless)).unwrap();
    assert_eq!(nameless.principal, Principal::Unclear);
    refuses_other_tokens(&world, Some("JWT"), &keycloak_user());
}

#[test]
fn keycloak_roles_are_a_claim_like_any_other() {
    let mut written = written(Profile::Keycloak, &["RS256"], &[rs256().jwk("k")]);
    written.issuer = KEYCLOAK.to_owned();
    let strings = ValueType::List(Box::new(ValueType::String));
    let from = vec!["groups".to_owned(), "realm_access.roles".to_owned()];
    let claim = Claim { from, value_type: strings, absent: Absent::Unknown };
    written.claims.insert("groups".to_owned(), claim);
    let token = World::one(written).verify(&rs(Some("JWT"), &keycloak_user())).unwrap();
    let names = ["/support", "support", "default-roles-acme"];
    let names = names.map(|name| Known::String(name.to_owned())).to_vec();
    assert_eq!(token.groups, ClaimState::Known(Known::List(names)));
}

#[test]
fn keycloak_id_and_refresh_tokens_as_they_come() {
    let world = world(Profile::Keycloak, KEYCLOAK);
    let id = json!({
        "exp": 1_795_526_400, "iat": 1_795_526_100, "jti": "9", "iss": KEYCLOAK,
        "aud": "support-assistant", "sub": "f3b2", "typ": "ID", "azp": "support-assistant",
        "preferred_username": "alice", "at_hash": "abc",
    });
    assert_eq!(world.verify(&rs(Some("JWT"), &id)).unwrap_err(), Reason::WrongTokenType);
    let untyped = changed(keycloak_user(), json!({"typ": null}));
    assert_eq!(world.verify(&rs(Some("JWT"), &untyped)).unwrap_err(), Reason::WrongTokenType);
    // Refresh tokens are signed with a secret of Keycloak's own.
    let secret = SigningKey::secret("HS512", &[1; 64]).unwrap();
    let refresh = changed(keycloak_user(), json!({"typ": "Refresh"}));
    let refresh = secret.sign(&json!({"alg": "HS512", "typ": "JWT", "kid": "k"}), &refresh);
    assert_eq!(world.verify(&refresh).unwrap_err(), Reason::AlgorithmRefused);
}

const AUTH0: &str = "https://acme.eu.auth0.com/";

#[test]
fn auth0_in_both_dialects() {
    let world = world(Profile::Auth0, AUTH0);
    let user = json!({
        "iss": AUTH0, "sub": "auth0|5f7c8ec7c33c6c004bbafe82",
        "aud": ["https://api.example.com", "https://acme.eu.auth0.com/userinfo"],
        "iat": 1_795_526_100, "exp": 1_795_612_500, "azp": "my_client_id",
        "scope": "openid profile read:document", "permissions": ["write:document"],
    });
    let token = world.verify(&rs(Some("JWT"), &user)).unwrap();
    assert_eq!(token.principal, Principal::User);
    // What the user may do at most is no part of what this token was given.
    assert!(!token.scopes.covers(Action::Write, on("document")));
    let own = json!({
        "sub": "my_client_id@clients", "gty": "client-credentials", "scope": "read:document",
        "aud": "https://api.example.com", "permissions": null,
    });
    let own = changed(user.clone(), own);
    assert_eq!(world.verify(&rs(Some("JWT"), &own)).unwrap().principal, Principal::Own);
    let standard = json!({"azp": null, "client_id": "my_client_id", "jti": "j"});
    let user_9068 = changed(user.clone(), standard.clone());
    assert_eq!(world.verify(&rs(Some("at+jwt"), &user_9068)).unwrap().principal, Principal::User);
    let own_9068 = changed(changed(own, standard), json!({"gty": null}));
    assert_eq!(world.verify(&rs(Some("at+jwt"), &own_9068)).unwrap().principal, Principal::Own);
    // The grant says one thing and the subject another.
    let both = changed(user.clone(), json!({"gty": "client-credentials"}));
    assert_eq!(world.verify(&rs(Some("JWT"), &both)).unwrap().principal, Principal::Unclear);
    let id = json!({
        "iss": AUTH0, "sub": "auth0|5f7c", "aud": "my_client_id", "iat": 1_795_526_100,
        "exp": 1_795_562_100, "sid": "s", "name": "Alice",
    });
    assert_eq!(world.verify(&rs(Some("JWT"), &id)).unwrap_err(), Reason::WrongTokenType);
    refuses_other_tokens(&world, Some("JWT"), &user);
}

const OKTA: &str = "https://acme.okta.com/oauth2/default";

#[test]
fn okta_users_and_services() {
    let world = world(Profile::Okta, OKTA);
    let user = json!({
        "ver": 1, "jti": "AT.Z1nK", "iss": OKTA, "aud": "api://default", "iat": 1_795_526_100,
        "exp": 1_795_529_700, "cid": "0oabc", "uid": "00uid", "scp": ["openid", "read:document"],
        "auth_time": 1_795_526_000, "sub": "alice@example.com", "groups": ["Everyone", "support"],
    });
    let token = world.verify(&rs(None, &user)).unwrap();
    assert_eq!(token.principal, Principal::User);
    assert_eq!(token.client_id, ClientId::Agreed("0oabc".to_owned()));
    assert!(token.scopes.covers(Action::Read, on("document")));
    assert!(matches!(token.groups, ClaimState::Known(_)));
    let own = changed(user.clone(), json!({"uid": null, "sub": "0oabc", "auth_time": null}));
    assert_eq!(world.verify(&rs(None, &own)).unwrap().principal, Principal::Own);
    let nobody = changed(user.clone(), json!({"uid": null}));
    assert_eq!(world.verify(&rs(None, &nobody)).unwrap().principal, Principal::Unclear);
    let id = json!({
        "ver": 1, "jti": "ID.x", "iss": OKTA, "aud": "0oabc", "iat": 1_795_526_100,
        "exp": 1_795_529_700, "sub": "00uid", "amr": ["pwd"], "idp": "00o", "auth_time": 1,
    });
    assert_eq!(world.verify(&rs(None, &id)).unwrap_err(), Reason::WrongTokenType);
    refuses_other_tokens(&world, None, &user);
}

const TENANT: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

fn entra_v2() -> Value {
    json!({
        "aud": "6e74172b-be56-4843-9ff4-e66a39bb12e3",
        "iss": format!("https://login.microsoftonline.com/{TENANT}/v2.0"),
        "iat": 1_795_526_100, "nbf": 1_795_526_100, "exp": 1_795_531_000, "aio": "AXQ",
        "azp": "1a2b3c4d-0000-1111-2222-333344445555", "azpacr": "0", "name": "Alice",
        "oid": "690222be-ff1a-4d56-abd1-7e4f7d38e474", "preferred_username": "alice@example.com",
        "rh": "I", "scp": "read:document access_as_user", "sub": "HKZpfaHyWadeOouYlitjrI",
        "tid": TENANT, "uti": "fqiBqXLPj0eQa82S", "ver": "2.0", "groups": ["g1"], "idtyp": "user",
    })
}

#[test]
fn entra_version_2_users_apps_and_agents() {
    let issuer = format!("https://login.microsoftonline.com/{TENANT}/v2.0");
    let world = world(Profile::Entra, &issuer);
    let token = |changes: Value| world.verify(&rs(Some("JWT"), &changed(entra_v2(), changes)));
    let user = token(json!({})).unwrap();
    assert_eq!(user.principal, Principal::User);
    let person = format!("{TENANT}/690222be-ff1a-4d56-abd1-7e4f7d38e474");
    assert_eq!(user.person, Some(person));
    assert!(user.scopes.covers(Action::Read, on("document")));
    let app = json!({"scp": null, "idtyp": "app", "roles": ["read:ticket"], "groups": null});
    let app = token(app).unwrap();
    assert_eq!(app.principal, Principal::Own);
    // Application permissions are no scopes.
    assert!(!app.scopes.covers(Action::Read, on("ticket")));
    let autonomous = json!({
        "scp": null, "idtyp": "app", "xms_act_fct": "3 9 11", "xms_sub_fct": "9 3 11",
        "xms_par_app_azp": "30cf4c22-9985-4ef7-8756-91cc888176bd",
    });
    assert_eq!(token(autonomous).unwrap().principal, Principal::Own);
    let for_user = json!({"xms_act_fct": "3 9 11", "xms_sub_fct": "2 3"});
    assert_eq!(token(for_user).unwrap().principal, Principal::User);
    let agents_account = json!({"xms_act_fct": "3 9 11", "xms_sub_fct": "3 13"});
    assert_eq!(token(agents_account).unwrap().principal, Principal::Unclear);
    assert_eq!(token(json!({"ver": "1.0"})).unwrap_err(), Reason::WrongTokenType);
    let id = json!({"azp": null, "azpacr": null, "scp": null, "idtyp": null, "roles": ["x"]});
    assert_eq!(token(id).unwrap_err(), Reason::WrongTokenType);
    refuses_other_tokens(&world, Some("JWT"), &entra_v2());
}

#[test]
fn entra_version_1_names_the_client_in_appid() {
    let issuer = format!("https://sts.windows.net/{TENANT}/");
    let world = world(Profile::Entra, &issuer);
    let client = "1a2b3c4d-0000-1111-2222-333344445555";
    let version_1 = json!({
        "iss": issuer, "ver": "1.0", "azp": null, "azpacr": null, "appid": client, "appidacr": "0",
        "aud": "api://6e74172b", "unique_name": "alice@example.com", "idtyp": null,
    });
    let user = changed(entra_v2(), version_1);
    let token = world.verify(&rs(Some("JWT"), &user)).unwrap();
    assert_eq!(token.principal, Principal::User);
    assert_eq!(token.client_id, ClientId::Agreed(client.to_owned()));
    let app = json!({"scp": null, "idtyp": "app", "roles": ["Documents.Read"]});
    let app = changed(user.clone(), app);
    assert_eq!(world.verify(&rs(Some("JWT"), &app)).unwrap().principal, Principal::Own);
    // Without `idtyp`, an optional claim, nothing proves that the app came alone.
    let untyped = changed(app, json!({"idtyp": null}));
    assert_eq!(world.verify(&rs(Some("JWT"), &untyped)).unwrap().principal, Principal::Unclear);
    refuses_other_tokens(&world, Some("JWT"), &user);
}

#[test]
fn entra_overage_withholds_groups_whatever_the_policy_says_of_their_absence() {
    let mut written = written(Profile::Entra, &["RS256"], &[rs256().jwk("k")]);
    written.issuer = format!("https://login.microsoftonline.com/{TENANT}/v2.0");
    let value_type = ValueType::List(Box::new(ValueType::String));
    let claim = Claim { from: vec!["groups".to_owned()], value_type, absent: Absent::Empty };
    written.claims.insert("groups".to_owned(), claim);
    let world = World::one(written);
    let groups = |changes: Value| {
        world.verify(&rs(Some("JWT"), &changed(entra_v2(), changes))).unwrap().groups
    };
    assert_eq!(groups(json!({"groups": null})), ClaimState::Known(Known::List(Vec::new())));
    let overage = json!({
        "groups": null, "_claim_names": {"groups": "src1"},
        "_claim_sources": {"src1": {"endpoint": "https://graph.windows.net/x"}},
    });
    assert_eq!(groups(overage), ClaimState::Unknown);
    assert_eq!(groups(json!({"groups": null, "hasgroups": "true"})), ClaimState::Unknown);
}

const COGNITO: &str = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_abc";

#[test]
fn cognito_users_and_machines() {
    let mut written = written(Profile::Cognito, &["RS256"], &[rs256().jwk("k")]);
    written.issuer = COGNITO.to_owned();
    written.audience_by_client.insert("4kq".to_owned(), "https://api.example.com".to_owned());
    let world = World::one(written);
    let user = json!({
        "sub": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "cognito:groups": ["support"],
        "iss": COGNITO, "client_id": "4kq", "origin_jti": "o", "event_id": "e",
        "token_use": "access", "scope": "openid read:document", "auth_time": 1_795_526_100,
        "exp": 1_795_529_700, "iat": 1_795_526_100, "jti": "j", "username": "alice", "version": 2,
    });
    let token = world.verify(&rs(None, &user)).unwrap();
    assert_eq!(token.principal, Principal::User);
    assert_eq!(token.audiences, ["https://api.example.com"]);
    assert!(matches!(token.groups, ClaimState::Known(_)));
    let own = json!({"sub": "4kq", "username": null, "cognito:groups": null, "origin_jti": null});
    let token = world.verify(&rs(None, &changed(user.clone(), own))).unwrap();
    assert_eq!(token.principal, Principal::Own);
    assert_eq!(token.groups, ClaimState::Known(Known::List(Vec::new())));
    let other = changed(user.clone(), json!({"client_id": "another"}));
    assert!(world.verify(&rs(None, &other)).unwrap().audiences.is_empty());
    let id = json!({
        "sub": "aaaaaaaa", "iss": COGNITO, "aud": "4kq", "token_use": "id", "exp": 1_795_529_700,
        "iat": 1_795_526_100, "jti": "j", "cognito:username": "alice", "at_hash": "h",
    });
    assert_eq!(world.verify(&rs(None, &id)).unwrap_err(), Reason::WrongTokenType);
    refuses_other_tokens(&world, None, &user);
}
