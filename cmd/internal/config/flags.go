package config

import "github.com/spf13/pflag"

// FileFlag is the flag that names the configuration file.
const FileFlag = "config"

// AddFlags declares the flags that every command takes.
func AddFlags(flags *pflag.FlagSet) {
	flags.String(FileFlag, "", "The file of settings (default: gatehouse.yaml here, then in the XDG configuration directory)")
	addFlags(flags, flagAll)
}

// AddServeFlags declares the flags of the settings that only a server has.
func AddServeFlags(flags *pflag.FlagSet) { addFlags(flags, flagServe) }

// AddAdminFlags declares the flags of the settings that only admin commands have.
func AddAdminFlags(flags *pflag.FlagSet) { addFlags(flags, flagAdmin) }

func addFlags(flags *pflag.FlagSet, scope flagScope) {
	for _, s := range settings {
		if s.flag == scope {
			flags.Var(&textFlag{kind: s.kind()}, s.flagName(), usage[s.key])
			// The value stays empty, so that a flag that was not given has no say.
			flag := flags.Lookup(s.flagName())
			flag.DefValue = s.def
			if s.kind() == "bool" {
				flag.NoOptDefVal = "true"
			}
		}
	}
}

// textFlag leaves the reading of its value to [Load], where an error can be
// reported together with the others.
type textFlag struct{ text, kind string }

func (f *textFlag) String() string     { return f.text }
func (f *textFlag) Set(s string) error { f.text = s; return nil }
func (f *textFlag) Type() string       { return f.kind }
