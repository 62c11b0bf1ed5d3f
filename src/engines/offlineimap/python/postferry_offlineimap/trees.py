"""The trees of OfflineIMAP and imaplib2 that the repairs are made for: the digest of everything that one replaces."""
import sys

from imaplib2 import IMAP4

# A module in Debian 12, a package around one in Debian 13.
imaplib2 = sys.modules[IMAP4.__module__]

# Debian 12 has offlineimap3 git20211018.e64c254 and imaplib2 3.05; Debian 13 git20240826.db34745 and 3.06.
NAMES = ('Debian 12', 'Debian 13')

_DIGESTS = {
    'Base.BytesParser': ('084c9cc7e3c256b2', '16e93e67250e5746'),
    'BaseFolder.dofsync': ('ea8a16d77f4e6c69', 'ea8a16d77f4e6c69'),
    'BaseFolder.getfolderbasename': ('5410d2a48ace33e3', '8a4422651efc9022'),
    'CustomConfigParser.apply_xforms': ('96dd84a2b388d393', '96dd84a2b388d393'),
    'IMAP4._command': ('c97be462b223608d', 'f602c7b9ef515217'),
    'IMAP4._simple_command': ('a9f87ee761c61c3a', 'a9f87ee761c61c3a'),
    'IMAP4.login': ('dd1dc621daadde8c', 'dd1dc621daadde8c'),
    'IMAP4.ssl_wrap_socket': ('08c290aab21ff442', '08c290aab21ff442'),
    'IMAPFolder._IMAPFolder__selectro': ('d3a53da251ebe885', 'd3a53da251ebe885'),
    'IMAPFolder.getfullIMAPname': ('a6a2eb004bb3037c', 'a6a2eb004bb3037c'),
    'IMAPFolder.getsep': ('17fecd8a752f600e', '17fecd8a752f600e'),
    'IMAPFolder.syncmessagesto': ('3e35563f46c09eca', '3e35563f46c09eca'),
    'IMAPRepository.getfolders': ('16abafb5dd8ccb2d', 'e5e89e317e9ba218'),
    'IMAPRepository.getsep': ('d89f625159511409', 'd89f625159511409'),
    'IMAPServer._IMAPServer__authn_helper': ('eeec15909ca02999', 'eeec15909ca02999'),
    'IMAPServer.releaseconnection': ('0854da3a8bbccf5a', '86b55bd89a8f7718'),
    'LocalStatusSQLiteFolder._LocalStatusSQLiteFolder__sql_write': ('1f6045686513bc58', '1f6045686513bc58'),
    'LocalStatusSQLiteFolder.closefiles': ('8d8ef4c1ae28908d', '8d8ef4c1ae28908d'),
    'LocalStatusSQLiteFolder.openfiles': ('671774891e7c7840', '671774891e7c7840'),
    'MaildirFolder.cachemessagelist': ('2af44368ae1fe95e', '2af44368ae1fe95e'),
    'MaildirFolder.deletemessage': ('35c72551330bf5e7', '35c72551330bf5e7'),
    'MaildirFolder.new_message_filename': ('378881097f45edcb', '378881097f45edcb'),
    'MaildirFolder.save_to_tmp_file': ('4702ae6f2ed9f888', '4702ae6f2ed9f888'),
    'MaildirFolder.savemessage': ('c726a04df98a3389', '5cf29d21bec94106'),
    'MaildirFolder.savemessageflags': ('54b55be36860835b', '54b55be36860835b'),
    'MaildirRepository.__init__': ('bce3838e4a17dad0', 'bce3838e4a17dad0'),
    'MaildirRepository.getfolders': ('c6026a4450ebf333', 'c6026a4450ebf333'),
    'MaildirRepository.getlocalroot': ('f17584907af0670c', 'f17584907af0670c'),
    'MaildirRepository.getsep': ('5a408d85709eceff', '5a408d85709eceff'),
    'MaildirRepository.makefolder': ('a5aee1dfbd359dfa', 'a5aee1dfbd359dfa'),
    'OfflineImap._OfflineImap__sync_singlethreaded': ('064b789bf25b4105', '064b789bf25b4105'),
    'SyncableAccount._SyncableAccount__lock': ('382477bdeed684fc', '382477bdeed684fc'),
    'SyncableAccount._unlock': ('d73d1c87dd0bb198', 'd73d1c87dd0bb198'),
    'SyncableAccount.syncrunner': ('8686d578efc0d67b', '8686d578efc0d67b'),
    'UIBase.error': ('c4989ce3941d1061', 'c4989ce3941d1061'),
    'UsefulIMAPMixIn.open_socket': ('80da027a90471552', '63b08acdc1bfce84'),
    'UsefulIMAPMixIn.select': ('bf36e1ec5236c9d7', 'bf36e1ec5236c9d7'),
    '_Authenticator.encode': ('aee0499ee2f3b16b', 'aee0499ee2f3b16b'),
    'accounts.syncfolder': ('cccb71969a511791', 'cccb71969a511791'),
}


def having(place, digest):
    """The trees whose source of that place has the digest."""
    return [name for name, known in zip(NAMES, _DIGESTS.get(place, ())) if known == digest]
