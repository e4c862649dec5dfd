package config

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/providers/posflag"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"
)

// FileName is what the file of settings is called where none is named.
const FileName = "gatehouse.yaml"

// fileVariable names the file of settings, as --config does.
const fileVariable = prefix + "CONFIG"

// source is one place that settings come from.
type source struct {
	values *koanf.Koanf
	// name says where a key was found, in words for an error.
	name func(key string) string
}

func fromFlags(flags *pflag.FlagSet) (source, error) {
	k := koanf.New(".")
	err := k.Load(posflag.ProviderWithFlag(flags, "", nil, func(f *pflag.Flag) (string, any) {
		key := strings.ReplaceAll(f.Name, "-", "_")
		if !f.Changed || !known(key) {
			return "", nil
		}
		return key, f.Value.String()
	}), nil)
	return source{k, func(key string) string { return "--" + strings.ReplaceAll(key, "_", "-") }}, err
}

// fromEnvironment reads GATEHOUSE_*. A variable that is set to nothing is not set.
func fromEnvironment(environ []string) (source, []string, error) {
	k := koanf.New(".")
	var unknown []string
	err := k.Load(env.Provider("", env.Opt{
		Prefix:      prefix,
		EnvironFunc: func() []string { return environ },
		TransformFunc: func(name, value string) (string, any) {
			key := strings.ToLower(strings.TrimPrefix(name, prefix))
			switch {
			case name == fileVariable || foreign(name):
				return "", nil
			case !known(key) || name != strings.ToUpper(name):
				unknown = append(unknown, name)
				return "", nil
			case value == "":
				return "", nil
			}
			return key, value
		},
	}), nil)
	slices.Sort(unknown)
	return source{k, func(key string) string { return prefix + strings.ToUpper(key) }}, unknown, err
}

var notSetting = regexp.MustCompile(`^GATEHOUSE_(SERVICE_(HOST|PORT).*|PORT(_[0-9].*)?|TEST_.*)$`)

// foreign knows the variables that begin like ours and are not meant for this
// program: those that Kubernetes gives to every container beside a service of our
// name, and those of the tests.
func foreign(name string) bool { return notSetting.MatchString(name) }

// fromAliases reads the variables that are not ours alone.
func fromAliases(environ []string) (source, error) {
	k := koanf.New(".")
	aliases := map[string]string{}
	for _, s := range settings {
		if value := lookup(environ, s.alias); s.alias != "" && value != "" {
			aliases[s.key] = s.alias
			if err := k.Set(s.key, value); err != nil {
				return source{}, err
			}
		}
	}
	return source{k, func(key string) string { return aliases[key] }}, nil
}

func lookup(environ []string, name string) (value string) {
	for _, pair := range environ {
		if v, ok := strings.CutPrefix(pair, name+"="); ok {
			value = v
		}
	}
	return value
}

// findFile is the file that was named, or the first there is of the usual ones,
// or "".
func findFile(flags *pflag.FlagSet, environ []string) string {
	if flags != nil && flags.Changed(FileFlag) {
		return flags.Lookup(FileFlag).Value.String()
	}
	if named := lookup(environ, fileVariable); named != "" {
		return named
	}
	for _, path := range []string{FileName, filepath.Join(UserDirectory(environ), FileName)} {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}

// UserDirectory is where this account keeps what is its own; a relative path when
// the environment names no home.
func UserDirectory(environ []string) string {
	dir := lookup(environ, "XDG_CONFIG_HOME")
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(lookup(environ, "HOME"), ".config")
	}
	return filepath.Join(dir, "gatehouse")
}

var yamlLine = regexp.MustCompile(`line [0-9]+`)

func fromFile(path string) (source, []string, error) {
	k := koanf.New(".")
	s := source{k, func(key string) string { return key + " in " + path }}
	if path == "" {
		return s, nil, nil
	}
	if _, err := os.Stat(path); err != nil {
		return s, nil, fmt.Errorf("read settings: %w", err)
	}
	if err := k.Load(file.Provider(path), yaml.Parser()); err != nil {
		// The parser's own words may quote a line, and the line may hold a secret.
		where := yamlLine.FindString(err.Error())
		if where == "" {
			where = "expected lines of the form \"key: value\""
		}
		return s, nil, fmt.Errorf("read settings: %s is not valid YAML (%s)", path, where)
	}
	unknown := slices.DeleteFunc(k.Keys(), known)
	slices.Sort(unknown)
	return s, unknown, nil
}
