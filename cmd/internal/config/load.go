package config

import (
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/gatehouse/gatehouse/storage/embedded"
)

// Load reads the settings from the flags of a command (nil for none), from the
// environment (in the form of [os.Environ]) and from the file: --config,
// GATEHOUSE_CONFIG, gatehouse.yaml in the working directory, or the one in the
// XDG configuration directory. It reads secret_file, and judges nothing else:
// that is [Config.Validate].
//
// The error is a [*Problems] where settings are unknown or cannot be read.
func Load(flags *pflag.FlagSet, environ []string) (*Config, error) {
	if flags == nil {
		flags = pflag.NewFlagSet("none", pflag.ContinueOnError)
	}
	path := findFile(flags, environ)
	fileSource, strangers, err := fromFile(path)
	if err != nil {
		return nil, err
	}
	environment, strangeVariables, err := fromEnvironment(environ)
	if err != nil {
		return nil, fmt.Errorf("read environment: %w", err)
	}
	aliases, err := fromAliases(environ)
	if err != nil {
		return nil, fmt.Errorf("read environment: %w", err)
	}
	flagSource, err := fromFlags(flags)
	if err != nil {
		return nil, fmt.Errorf("read flags: %w", err)
	}

	var p Problems
	for _, key := range strangers {
		p.add("%s in %s is not a setting%s", key, path, didYouMean(key, settingKeys()))
	}
	for _, name := range strangeVariables {
		p.add("%s is not a setting%s; variables that begin with %s are this program's own",
			name, didYouMean(name, variableNames()), prefix)
	}
	c := &Config{}
	c.fill(&p, flagSource, environment, aliases, fileSource)
	return c, p.orNil()
}

// fill takes each setting from the first source that has it.
func (c *Config) fill(p *Problems, sources ...source) {
	given := map[string]bool{}
	for _, s := range settings {
		// Env stands first, so that the defaults after it know what they are for.
		text, where := s.defaultIn(c.Env), ""
		for _, source := range sources {
			if source.values.Exists(s.key) {
				text, where = plain(source.values.Get(s.key)), source.name(s.key)
				given[s.key] = true
				break
			}
		}
		if text == "" {
			continue
		}
		if err := assign(s.field(c), text); err != nil {
			p.add("%s: %w", where, err)
		}
	}
	if c.Env == Development && !given["issuer"] {
		c.Issuer = localIssuer(c.Listen)
	}
	c.resolve(p)
}

// resolve sets what depends on the machine.
func (c *Config) resolve(p *Problems) {
	if c.DataDir == "" {
		dir, err := embedded.DefaultDataDir()
		if err != nil {
			p.add("data_dir is not set and has no default here (%w): set GATEHOUSE_DATA_DIR", err)
		}
		c.DataDir = dir
	}
	c.Secret.fromFile(p, "secret", c.SecretFile)
	c.SMTPPassword.fromFile(p, "smtp_password", c.SMTPPasswordFile)
}

// fromFile takes the secret of a key from the file that is set beside it.
func (s *Secret) fromFile(p *Problems, key, path string) {
	if path == "" {
		return
	}
	if s.IsSet() {
		variable := prefix + strings.ToUpper(key)
		p.add("%s and %s_file are both set: keep one of %s and %s_FILE", key, key, variable, variable)
		return
	}
	text, err := os.ReadFile(path)
	if err != nil {
		p.add("%s_file: %w", key, err)
		return
	}
	if *s = NewSecret(withoutNewline(string(text))); !s.IsSet() {
		p.add("%s_file: %s is empty", key, path)
	}
}

func withoutNewline(s string) string {
	return strings.TrimSuffix(strings.TrimSuffix(s, "\n"), "\r")
}

// localIssuer is the issuer of a development server that listens on an address.
func localIssuer(listen string) string {
	_, port, err := net.SplitHostPort(listen)
	if err != nil || port == "" || port == "0" {
		port = "8080"
	}
	return "http://localhost:" + port
}

// plain is a value of a file as the text that a variable would have.
func plain(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case []any:
		parts := make([]string, len(v))
		for i, part := range v {
			parts[i] = plain(part)
		}
		return strings.Join(parts, ",")
	}
	return fmt.Sprint(value)
}
