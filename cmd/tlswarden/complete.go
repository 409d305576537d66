package main

import (
	"time"

	"github.com/spf13/cobra"

	"tlswarden/internal/daemon"
	"tlswarden/internal/tlsname"
	"tlswarden/rules"
)

// completeRules lets a shell complete a command that takes rule files, or a
// configuration in their place.
func completeRules(cmd *cobra.Command) {
	cmd.ValidArgsFunction = func(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if config := cmd.Flag("config"); config != nil && config.Changed {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return tomlFiles(cmd, nil, "")
	}
	completeConfig(cmd)
}

// completeConfig does so for --config, if the command has it.
func completeConfig(cmd *cobra.Command) { completeFlag(cmd, "config", tomlFiles) }

// tomlFiles completes TOML files, and directories on the way to them.
func tomlFiles(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return []cobra.Completion{"toml"}, cobra.ShellCompDirectiveFilterFileExt
}

// directories completes directories.
func directories(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

func completeFlag(cmd *cobra.Command, flag string, f cobra.CompletionFunc) {
	_ = cmd.RegisterFlagCompletionFunc(flag, f) // it fails only if there is no such flag
}

// completeSession completes the flags of explain that say what the session is.
func (f *explainFlags) completeSession(cmd *cobra.Command) {
	completeFlag(cmd, "fact", func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		var names []cobra.Completion
		for _, field := range rules.Fields() {
			names = append(names, cobra.CompletionWithDesc(field.Name+"=", field.Meaning))
		}
		return names, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	})
	completeFlag(cmd, "test", func(_ *cobra.Command, files []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return testNames(f.config, files), cobra.ShellCompDirectiveNoFileComp
	})
	for _, name := range shortFacts {
		completeFlag(cmd, flagOf(name), cobra.FixedCompletions(valuesOf(rules.FieldByName(name)), cobra.ShellCompDirectiveNoFileComp))
	}
}

// valuesOf are the values that a field can have, where they are few enough to
// choose from.
func valuesOf(f *rules.Field) []cobra.Completion {
	switch f.Kind {
	case rules.KindBool:
		return []cobra.Completion{"true", "false"}
	case rules.KindVersion:
		return tlsname.Versions()
	case rules.KindCipher:
		return suiteNames()
	}
	return f.Values()
}

// suiteNames are the suites of OpenSSL that encrypt.
func suiteNames() []cobra.Completion {
	var names []cobra.Completion
	for _, g := range rules.BuiltinProfiles()[0].Passing() { // of any-tls
		for _, s := range g.Suites {
			if s.OpenSSL != "" {
				names = append(names, s.OpenSSL)
			}
		}
	}
	return names
}

// testNames are the names of the tests in rule files, or in those of a
// configuration.
func testNames(config string, files []string) []cobra.Completion {
	tests := loadRules(files).Tests
	if config != "" {
		c, found := daemon.LoadConfig(config)
		if found.HasErrors() {
			return nil
		}
		tests = c.LoadRules(time.Now()).Tests
	}
	var names []cobra.Completion
	for i := range tests {
		names = append(names, tests[i].Name)
	}
	return names
}

// completeProfile completes the one argument of profiles.
func completeProfile(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var names []cobra.Completion
	if len(args) == 0 {
		for _, p := range rules.BuiltinProfiles() {
			names = append(names, cobra.CompletionWithDesc(p.Name, p.About.Title))
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
