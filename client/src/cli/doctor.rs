//! What the help says about `gi doctor`.

pub(super) const MORE: &str = "Examples:\n  \
    gi doctor                 look at everything\n  \
    gi doctor --timeout 2m    where Webex or the disk is slow\n  \
    gi doctor -o json | jq '.checks[] | select(.verdict != \"ok\")'\n\n\
    Looks at the files and directories, the configuration, the service manager\n\
    and the daemon, and has the daemon look at its database, the network, Webex's\n\
    clock, the issuers and the refreshing. Each line says ok, warning or wrong, and\n\
    where something can be done, what. Nothing is changed, and no daemon is started.\n\
    For an issuer that has not minted for an hour, or that failed, a throw-away\n\
    token is minted: only so is known whether Webex accepts its credentials.\n\n\
    Exit codes:\n  \
    0   nothing is wrong; there may be warnings\n  \
    4   the daemon cannot be reached or started, or hangs\n  \
    5   Webex refuses an issuer's credentials\n  \
    6   Webex cannot be reached, or asks to wait\n  \
    7   the socket is another user's, or the store is locked\n  \
    8   gi and the daemon speak no common protocol version\n  \
    1   anything else is wrong\n\
    Of several, the first one in the report counts; 1 only if there is no other.";
