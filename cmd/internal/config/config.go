package config

import (
	"log/slog"
	"net/netip"
	"time"
)

// Config is every setting. The comment of a field is its entry in
// docs/configuration.md, and its first sentence the help of its flag; its tags
// are its key in the file, its default, its default in production where that
// differs, and which commands take it as a flag. A setting that may hold a
// secret has no flag, because every process of the machine can read arguments.
type Config struct {
	// Whether this is a development or a production deployment.
	//
	// Production refuses to start without a database, without a secret of its
	// own and with an issuer that is not https.
	Env Env `key:"env" default:"development" flag:"all"`

	// The URL under which people and clients reach this server.
	//
	// It stands in every token and is compared byte by byte (RFC 8414 §2): https
	// in production, http on localhost alone; no path, query or fragment. In development
	// the default follows the port of `listen`. Nothing is ever derived from the
	// Host header.
	Issuer string `key:"issuer" default:"http://localhost:8080" production:"" flag:"serve"`

	// The address that the issuer and the pages are served on.
	Listen string `key:"listen" default:"localhost:8080" production:":8080" flag:"serve"`

	// The address that metrics, profiles and health are served on.
	//
	// Whoever reaches it can read memory: keep it away from the public network.
	AdminListen string `key:"admin_listen" default:"127.0.0.1:9090" flag:"serve"`

	// The PostgreSQL to use, version 15 or newer, as a connection URL.
	//
	// Where it is not set, a private PostgreSQL is run from the machine's own
	// binaries, in development only. The plain `DATABASE_URL` is read when
	// `GATEHOUSE_DATABASE_URL` is not set. It may hold a password and has no flag.
	DatabaseURL Secret `key:"database_url" alias:"DATABASE_URL"`

	// The directory of the private PostgreSQL and of the generated secret.
	//
	// By default `/var/lib/gatehouse` for root, and for anyone else `gatehouse`
	// under `XDG_DATA_HOME` or `~/.local/share`.
	DataDir string `key:"data_dir" flag:"all"`

	// The master secret, from which the keys that seal and sign are derived.
	//
	// The bytes as given count: at least 32, such as the output of
	// `openssl rand -base64 32`. Samples, repetitions and sequences are refused.
	// Every replica needs the same one, and the database cannot be read without
	// it. In development one is made in `data_dir` when none is set. It has no flag.
	Secret Secret `key:"secret"`

	// A file that holds the master secret.
	//
	// One newline at its end is not part of the secret. Set this or `secret`, not both.
	SecretFile string `key:"secret_file" flag:"all"`

	// Where admin commands go: local, or the URL of a server that you are signed in to.
	//
	// By default it is the server of `gatehouse login`, and without a sign-in the
	// database of these settings, on which the host's operator may do everything.
	Server string `key:"server" flag:"admin"`

	// The networks of the proxies in front of this server.
	//
	// `X-Forwarded-For` is believed from these alone. A list of networks such as
	// `10.0.0.0/8`; between commas where it is one text.
	TrustedProxies []netip.Prefix `key:"trusted_proxies" flag:"serve"`

	// Whether addresses that clients register may be plain http and inside this network.
	//
	// Key sets, metadata documents and logout notices are fetched from and sent to
	// addresses that others choose; by default https on the public Internet alone, so
	// that nobody can reach what stands behind this server. For development, where the
	// other side runs on the same machine; production refuses it.
	InsecureOutbound bool `key:"insecure_outbound" default:"false" flag:"serve"`

	// Whether every authorization request must be pushed first (RFC 9126 §5).
	//
	// A client can be held to it by itself; this holds all of them.
	RequirePushedRequests bool `key:"require_pushed_requests" default:"false" flag:"serve"`

	// Whether request objects are fetched from the addresses that clients registered.
	//
	// RFC 9101 §5.2. Each such request makes this server ask another one: push the
	// request instead where you can.
	FetchRequestURIs bool `key:"fetch_request_uris" default:"false" flag:"serve"`

	// Whether old clients may have ID tokens straight from the authorization endpoint.
	//
	// The response types `code id_token` and `id_token` (OpenID Connect Core §3.3, §3.2), for
	// applications that cannot be changed. A client gets them only if `response_types` in its
	// metadata names them. There are no access tokens to be had in this way.
	LegacyResponseTypes bool `key:"legacy_response_types" default:"false" flag:"serve"`

	// Whether a client may be an https URL at which it describes itself.
	//
	// OAuth Client ID Metadata Documents, which is how MCP clients introduce themselves.
	// Such a client is asked about each time, and is among the clients, where it can be
	// disabled, as soon as somebody let it in.
	ClientDocuments bool `key:"client_documents" default:"true" flag:"serve"`

	// The only hosts that clients may describe themselves at; all when empty.
	//
	// A host stands for those below it too. A list; between commas where it is one text.
	ClientDocumentHosts []string `key:"client_document_hosts" flag:"serve"`

	// The hosts that no client may describe itself at.
	//
	// A host stands for those below it too. A list; between commas where it is one text.
	ClientDocumentBlockedHosts []string `key:"client_document_blocked_hosts" flag:"serve"`

	// Who may register clients at /oauth2/register (RFC 7591), beside administrators: off, token or open.
	//
	// With `token` it is who holds an initial access token (`admin clients
	// registration-tokens create`), within the bounds of that token. With `open` it is
	// anybody: such clients are marked as unverified, and each person is asked about them
	// each time. An administrator's own access token registers clients anyway.
	ClientRegistration Registration `key:"client_registration" default:"off" flag:"serve"`

	// How long a client that registered openly may go unused; 0 for ever.
	//
	// One through which nobody has signed in by then stops working and is removed. Clients
	// that came in another way stay.
	UnusedClientLifetime time.Duration `key:"unused_client_lifetime" default:"30d" flag:"serve"`

	// The certificate chain to serve TLS with, as a PEM file.
	//
	// Leave it out where a proxy ends TLS.
	TLSCertFile string `key:"tls_cert_file" flag:"serve"`

	// The private key of the certificate, as a PEM file.
	TLSKeyFile string `key:"tls_key_file" flag:"serve"`

	// The other origins that may use the passkeys of this server.
	//
	// Such as `https://example.org`. Browsers read them from `/.well-known/webauthn` (WebAuthn related origins). A
	// list; between commas where it is one text. Each can sign people in as if it
	// were this server: name your own alone.
	RelatedOrigins []string `key:"related_origins" flag:"serve"`

	// A file of the FIDO Metadata Service that vouches for models of authenticators.
	//
	// The BLOB as it is published, or its payload as JSON. It is read at start and
	// believed as it stands; nothing is fetched. It is asked where a tenant accepts
	// certain models alone; without it the attestation's own signature counts.
	PasskeyMetadataFile string `key:"passkey_metadata_file" flag:"serve"`

	// The mail server that letters go to, as host:port.
	//
	// Without one, development writes them into `data_dir` and shows them at `/dev/mail`,
	// and production sends none. See docs/mail.md.
	SMTPAddress string `key:"smtp_address" flag:"serve"`

	// How the connection to the mail server is protected: starttls, implicit or none.
	//
	// `none` is for a mail server on this machine alone.
	SMTPTLS string `key:"smtp_tls" default:"starttls" flag:"serve"`

	// The user name at the mail server, where it asks for one.
	SMTPUsername string `key:"smtp_username" flag:"serve"`

	// The password at the mail server. It has no flag.
	SMTPPassword Secret `key:"smtp_password"`

	// A file that holds the password at the mail server.
	//
	// One newline at its end is not part of the password. Set this or `smtp_password`, not both.
	SMTPPasswordFile string `key:"smtp_password_file" flag:"serve"`

	// The sender of mails, such as `Example <no-reply@example.com>`.
	//
	// By default `no-reply` at the host of the issuer.
	SMTPFrom string `key:"smtp_from" flag:"serve"`

	// The language of mails to readers whose own is not known: en, de, es, fr, ja or ar.
	//
	// A person's own is the one that they chose, or else the one that they last signed in with.
	MailLanguage string `key:"mail_language" default:"en" flag:"serve"`

	// The address of a second listener, over TLS, that asks clients for a certificate.
	//
	// For clients that authenticate by a certificate or have their tokens bound to one
	// (RFC 8705). It needs `tls_cert_file`, `tls_key_file` and `mtls_url`.
	MTLSListen string `key:"mtls_listen" flag:"serve"`

	// The URL under which clients reach the listener that asks for a certificate.
	//
	// It stands in the discovery document as `mtls_endpoint_aliases`.
	MTLSURL string `key:"mtls_url" flag:"serve"`

	// The authorities whose certificates prove a client of tls_client_auth, as a PEM file.
	ClientCAFile string `key:"client_ca_file" flag:"serve"`

	// The header in which your proxies pass on the certificate of a client.
	//
	// `Client-Cert` as RFC 9440 writes it, or the encoded PEM of nginx's
	// `$ssl_client_escaped_cert`. It is believed from `trusted_proxies` alone. What nginx
	// and Caddy need for it stands in docs/resource-servers.md.
	ClientCertificateHeader string `key:"client_certificate_header" flag:"serve"`

	// How long everything is served on after this server was asked to end.
	//
	// It says at `/readyz` at once that it is not ready. Give it longer than your balancer
	// takes to notice, so that no request meets a closed port.
	DrainTime time.Duration `key:"drain_time" default:"0s" production:"5s" flag:"serve"`

	// How much is logged: debug, info, warn or error.
	LogLevel slog.Level `key:"log_level" default:"info" flag:"all"`

	// The form of the log: text or json.
	LogFormat LogFormat `key:"log_format" default:"text" production:"json" flag:"all"`

	// Where traces are sent, as the base URL of an OpenTelemetry collector that takes OTLP over HTTP.
	//
	// Such as `http://localhost:4318`; without it nothing is traced. A trace leads from
	// the request to its SQL statements, whose parameters, like queries, forms and cookies, are
	// not in it. What the collector wants in its headers is said in `OTEL_EXPORTER_OTLP_HEADERS`.
	OTLPEndpoint string `key:"otlp_endpoint" alias:"OTEL_EXPORTER_OTLP_ENDPOINT" flag:"serve"`

	// The share of requests that are traced, from 0 to 1.
	//
	// A caller's own `traceparent` decides where it comes from `trusted_proxies`, and
	// is linked to elsewhere.
	TraceSampleRatio Ratio `key:"trace_sample_ratio" default:"0.1" flag:"serve"`

	// How long an access or ID token is valid.
	AccessTokenLifetime time.Duration `key:"access_token_lifetime" default:"10m" flag:"serve"`

	// How long an authorization code can be exchanged (RFC 6749 §4.1.2).
	CodeLifetime time.Duration `key:"code_lifetime" default:"60s" flag:"serve"`

	// How long a refresh token may rest before it is dead.
	RefreshIdleLifetime time.Duration `key:"refresh_idle_lifetime" default:"14d" flag:"serve"`

	// How long an authorization can be refreshed at all.
	RefreshAbsoluteLifetime time.Duration `key:"refresh_absolute_lifetime" default:"90d" flag:"serve"`

	// How long the last refresh token still answers with its successor.
	//
	// It is for an answer that was lost on the way. After it, using an old
	// refresh token counts as theft and ends the authorization (RFC 9700 §4.14.2).
	RefreshGrace time.Duration `key:"refresh_grace" default:"10s" flag:"serve"`

	// How long a session may rest before it ends.
	SessionIdleLifetime time.Duration `key:"session_idle_lifetime" default:"30m" flag:"serve"`

	// How long a session lasts however busy it is.
	SessionAbsoluteLifetime time.Duration `key:"session_absolute_lifetime" default:"12h" flag:"serve"`

	// How long a remembered session may rest before it ends.
	RememberedIdleLifetime time.Duration `key:"remembered_idle_lifetime" default:"14d" flag:"serve"`

	// How long a remembered session lasts however busy it is.
	RememberedAbsoluteLifetime time.Duration `key:"remembered_absolute_lifetime" default:"30d" flag:"serve"`
}
