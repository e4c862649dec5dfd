package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/gatehouse/gatehouse/cmd/internal/config"
	"github.com/gatehouse/gatehouse/oidc"
	"github.com/gatehouse/gatehouse/oidc/authn"
	"github.com/gatehouse/gatehouse/oidc/keys"
	"github.com/gatehouse/gatehouse/storage/jobs"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/web"
	"github.com/gatehouse/gatehouse/web/browser"
)

func newServeCommand(i *invocation) *cobra.Command {
	var withDemo bool
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long: `Runs the server until it is interrupted: the issuer with its pages, and on an
address of its own what operators look at.

Asked to end (SIGTERM, Ctrl-C), it says at /readyz that it is not ready, serves on for
drain_time, lets running requests and jobs finish, and exits with 0. Asked a second
time it ends at once.

Without a database configured it runs a private PostgreSQL in the data directory.
The schema is brought up to date first, under a lock, so any number of replicas
may start at once. An empty development database gets a first tenant and an owner,
whose password is printed once.`,
		Example: `  # On http://localhost:8080, with nothing else to prepare
  gatehouse serve

  # In production
  GATEHOUSE_ENV=production GATEHOUSE_ISSUER=https://id.example.com \
  GATEHOUSE_DATABASE_URL=postgres://… GATEHOUSE_SECRET_FILE=/run/secrets/gatehouse gatehouse serve`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := i.settings(cmd)
			if err != nil {
				return err
			}
			if err := c.Validate(); err != nil {
				return err
			}
			return i.withDatabase(cmd.Context(), c, func(d *database) error {
				return i.serve(cmd.Context(), c, d, withDemo)
			})
		},
	}
	config.AddServeFlags(cmd.Flags())
	cmd.Flags().BoolVar(&withDemo, "demo", false, "Also run the demo application on http://localhost:8081 (development only)")
	return cmd
}

// headroom is counted as alive by the garbage collector and never touched, so that it takes
// up no memory. What does live is so little that garbage would else be collected eight
// times a second under load; it is let grow by as much as this instead. A large heap
// hardly notices, which a higher GOGC would double.
const headroom = 32 << 20 // bytes

func (i *invocation) serve(ctx context.Context, c *config.Config, d *database, withDemo bool) error {
	defer runtime.KeepAlive(make([]byte, headroom))
	if withDemo && c.Env == config.Production {
		return errors.New("--demo is for development: it shows tokens on a page")
	}
	log := i.logger(c)
	for _, danger := range c.Insecure() {
		log.Warn(danger)
	}
	if err := withMigrator(d, func(m *postgres.Migrator) error { _, err := m.Up(ctx); return err }); err != nil {
		return err
	}
	traces, err := newTraces(ctx, c, log)
	if err != nil {
		return err
	}
	defer traces.flush(log)
	options := postgres.Options{Log: log, MaxConns: 20}
	traces.ofStatements(&options)
	store, err := i.openStore(ctx, d.dsn, options)
	if err != nil {
		return err
	}
	defer store.Close()
	h, err := i.openHouse(ctx, c, store, traces, log)
	if err != nil {
		return err
	}
	// Whoever was made is there also when nothing can be served, for a port that is taken.
	defer i.introduce(h)
	public := traces.around(h.server)
	work, err := i.jobs(c, h, log)
	if err != nil {
		return err
	}
	at, err := listen(c)
	if err != nil {
		return err
	}
	// Starting takes more than serving does, a password's hash alone 46 MB: who serves has given it
	// back, and does not wait for as much garbage again.
	debug.FreeOSMemory()
	asked := ctx
	// What serves goes on when it is asked to end, until balancers have turned elsewhere.
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	tasks, ctx := errgroup.WithContext(ctx)
	tasks.Go(func() error {
		defer stop()
		select {
		case <-asked.Done():
			h.server.Drain(ctx, c.DrainTime)
		case <-ctx.Done(): // a task has failed
		}
		return nil
	})
	if d.server != nil {
		tasks.Go(func() error { return lostDatabase(ctx, d.server.Done()) })
	}
	tasks.Go(func() error { return keepKeys(ctx, h.keys, store, log) })
	tasks.Go(func() error { return jobs.Run(ctx, store, log, work...) })
	files := tlsFiles{cert: c.TLSCertFile, key: c.TLSKeyFile}
	tasks.Go(func() error { return serveUntil(ctx, at.public, public, files, log) })
	if at.certified != nil {
		// Asked for and not demanded: the same endpoints serve clients that have none.
		asking := tlsFiles{cert: c.TLSCertFile, key: c.TLSKeyFile, askClients: true}
		tasks.Go(func() error { return serveUntil(ctx, at.certified, public, asking, log) })
	}
	tasks.Go(func() error {
		return serveUntil(ctx, at.operators, operatorHandler(h.server.Ready, h.metrics), tlsOff, log)
	})
	if withDemo {
		if err := i.startDemo(ctx, tasks, c, h, log); err != nil {
			return err
		}
	}
	i.welcome(c, h, withDemo)
	if err := tasks.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// listeners are the addresses of the house, held before anything is served at one of them.
type listeners struct {
	public, operators net.Listener
	// certified is where clients show certificates; nil without such an address.
	certified net.Listener
}

func listen(c *config.Config) (l listeners, err error) {
	for _, address := range []struct {
		listener *net.Listener
		at       string
		advice   string
	}{
		{&l.public, c.Listen, "is another server running? choose with --listen"},
		{&l.operators, c.AdminListen, "this is for operators; choose with --admin-listen"},
		{&l.certified, c.MTLSListen, "this is for clients with certificates; choose with --mtls-listen"},
	} {
		if address.at == "" {
			continue
		}
		if *address.listener, err = net.Listen("tcp", address.at); err != nil {
			l.close()
			return listeners{}, fmt.Errorf("listen: %w (%s)", err, address.advice)
		}
	}
	return l, nil
}

func (l listeners) close() {
	for _, one := range []net.Listener{l.public, l.operators, l.certified} {
		if one != nil {
			_ = one.Close()
		}
	}
}

// house is what is served, and what the command line needs of it.
type house struct {
	server  *web.Server
	keys    *keys.Ring
	store   *postgres.Store
	metrics *metrics
	secret  []byte
	// first is the owner that was made for an empty database; nil otherwise.
	first *firstOwner
}

func (i *invocation) openHouse(ctx context.Context, c *config.Config, store *postgres.Store, traces *traces, log *slog.Logger) (*house, error) {
	secret, err := c.MasterSecret()
	if err != nil {
		return nil, err
	}
	h := &house{store: store, metrics: newMetrics(), secret: []byte(secret.Reveal())}
	if h.keys, err = keys.Open(ctx, store, h.secret, i.now); err != nil {
		return nil, err
	}
	issuer, err := url.Parse(c.Issuer)
	if err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	var metadata *authn.Metadata
	if c.PasskeyMetadataFile != "" {
		if metadata, err = authn.ReadMetadata(c.PasskeyMetadataFile); err != nil {
			return nil, err
		}
	}
	authorities, err := clientAuthorities(c.ClientCAFile)
	if err != nil {
		return nil, err
	}
	h.server, err = web.New(web.Config{
		Observe: func(ctx context.Context, o web.Observation) {
			h.metrics.observe(o)
			traces.observe(ctx, o)
		},
		RelatedOrigins: c.RelatedOrigins, PasskeyMetadata: metadata,
		NoMail: c.SMTPAddress == "" && c.Env == config.Production, Mailbox: i.mailbox(c), MailLanguage: c.MailLanguage,
		Issuer: issuer, Store: store, Keys: h.keys, Secret: h.secret, TrustedProxies: c.TrustedProxies, InsecureOutbound: c.InsecureOutbound,
		FetchRequestURIs: c.FetchRequestURIs, RequirePushedRequests: c.RequirePushedRequests, LegacyResponseTypes: c.LegacyResponseTypes,
		ClientDocuments: oidc.ClientDocuments{Enabled: c.ClientDocuments, Hosts: c.ClientDocumentHosts, BlockedHosts: c.ClientDocumentBlockedHosts}, Registration: oidc.RegistrationMode(c.ClientRegistration), UnusedClients: c.UnusedClientLifetime, Log: log, Now: i.now,
		ClientAuthorities: authorities, MutualTLS: strings.TrimSuffix(c.MTLSURL, "/"), ClientCertificateHeader: c.ClientCertificateHeader,
		Tokens: oidc.Lifetimes{
			Code: c.CodeLifetime, AccessToken: c.AccessTokenLifetime, IDToken: c.AccessTokenLifetime,
			RefreshIdle: c.RefreshIdleLifetime, RefreshAbsolute: c.RefreshAbsoluteLifetime, RefreshGrace: c.RefreshGrace,
			PushedRequest: time.Minute,
		},
		Sessions: browser.Lifetimes{
			Idle: c.SessionIdleLifetime, Absolute: c.SessionAbsoluteLifetime,
			RememberedIdle: c.RememberedIdleLifetime, RememberedAbsolute: c.RememberedAbsoluteLifetime,
		},
	})
	if err != nil {
		return nil, err
	}
	h.metrics.watch(h.server, store, log)
	if err := i.registerCommandLine(ctx, h); err != nil {
		return nil, err
	}
	if c.Env == config.Development {
		h.first, err = i.bootstrap(ctx, h)
	}
	return h, err
}

// clientAuthorities reads the authorities of client certificates; nil for none.
func clientAuthorities(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("client_ca_file: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("client_ca_file: %s has no certificate in PEM", path)
	}
	return pool, nil
}

// lostDatabase ends the server when its private database has ended by itself.
func lostDatabase(ctx context.Context, done <-chan struct{}) error {
	select {
	case <-ctx.Done():
		return nil
	case <-done:
		return errors.New("the private PostgreSQL has ended; see its log above")
	}
}

const (
	// keysPeriod is how old the keys at hand may be, in case the word of a change was lost.
	keysPeriod = time.Minute
	// keysPause is how soon they are read again where no word can come, or reading failed:
	// until then a key that was revoked counts.
	keysPause = time.Second
)

// keepKeys follows what other replicas do to the keys.
func keepKeys(ctx context.Context, ring *keys.Ring, store *postgres.Store, log *slog.Logger) error {
	changed := make(chan struct{}, 1)
	tell := func() {
		select {
		case changed <- struct{}{}:
		default: // one is waiting already
		}
	}
	store.Follow(postgres.Follower{Tables: []string{"signing_keys"}, Reset: tell, Changed: func(postgres.Change) { tell() }})
	tick := time.NewTicker(keysPause)
	defer tick.Stop()
	readAt, failing := time.Now(), false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-tick.C:
			if !failing && store.Fresh() && time.Since(readAt) < keysPeriod {
				continue
			}
		}
		readAt = time.Now()
		err := ring.Reload(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			log.Warn("signing keys were not read again; the ones at hand are used on, and it is tried every second", "error", err)
		}
		failing = err != nil
	}
}

// tlsFiles is the certificate and key to serve with, as paths, and whether clients
// are asked for theirs.
type tlsFiles struct {
	cert, key  string
	askClients bool
}

// tlsOff is for what never leaves the machine, or stands behind a proxy.
var tlsOff tlsFiles

// serveUntil serves until the context ends, then lets running requests finish.
func serveUntil(ctx context.Context, l net.Listener, h http.Handler, files tlsFiles, log *slog.Logger) error {
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    32 << 10,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: 100},
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	server.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if files.askClients {
		// Whose they are and whether they can be trusted is judged by client: see oidc.
		server.TLSConfig.ClientAuth = tls.RequestClientCert
	}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		err := server.Shutdown(drain)
		if errors.Is(err, context.DeadlineExceeded) {
			log.Warn("requests that took too long were cut off at the end")
			err = server.Close()
		}
		stopped <- err
	}()
	var err error
	if files != tlsOff {
		err = server.ServeTLS(l, files.cert, files.key)
	} else {
		err = server.Serve(l)
	}
	if !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve on %s: %w", l.Addr(), err)
	}
	return <-stopped
}
