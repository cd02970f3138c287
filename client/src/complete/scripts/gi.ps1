# Completion of gi for PowerShell. Put this into $PROFILE:
#
#   gi completions powershell | Out-String | Invoke-Expression
#
# What is offered, guests and issuers included, comes from gi itself.

Register-ArgumentCompleter -Native -CommandName gi -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $words = @($commandAst.CommandElements | Where-Object { $_.Extent.EndOffset -lt $cursorPosition } | ForEach-Object {
        if ($_ -is [System.Management.Automation.Language.StringConstantExpressionAst]) { $_.Value } else { $_.Extent.Text }
    })
    $current = $wordToComplete.Trim("'", '"')

    $before = $env:COMPLETE
    $env:COMPLETE = 'powershell'
    try {
        # Versions before 7.3 lose an argument that is empty.
        if ($current -eq '' -and $PSVersionTable.PSVersion -lt [version]'7.3') { $current = '""' }
        $lines = @(& (Get-Command -CommandType Application gi | Select-Object -First 1) '--' @words $current 2> $null)
    } finally {
        $env:COMPLETE = $before
    }

    foreach ($line in $lines) {
        $value, $help = $line -split "`t", 2
        if (-not $help) { $help = $value }
        $text = $value
        if ($value -notmatch '^[\w./:=+-]+$') { $text = "'" + $value.Replace("'", "''") + "'" }
        [System.Management.Automation.CompletionResult]::new($text, $value, 'ParameterValue', $help)
    }
}
