# bgp-password-files: takes passwords of BGP sessions off this node that nothing is compared with any more: those of routers
# that have none now, those from before a change, and all of them where another node gives Cilium the passwords.
#
#   none|remove FOLDER [ROUTER]...
#
# Of each ROUTER the file FOLDER/ROUTER.password stays.
verb=$1 folder=$2
shift 2
wanted=" $* "
left() { # also what a program that was ended in the middle had not renamed yet
    for file in "$folder"/* "$folder"/.[!.]*; do
        [ -e "$file" ] || continue
        name=${file##*/}
        case $name in *.password) case $wanted in *" ${name%.password} "*) continue ;; esac ;; esac
        printf '%s\n' "$file"
    done
}
case $verb in
    none) [ -z "$(left)" ] ;;
    remove)
        left | while read -r file; do rm -f -- "$file" || exit; done || exit
        [ ! -d "$folder" ] || rmdir "$folder" 2>/dev/null || :
        ;;
esac
