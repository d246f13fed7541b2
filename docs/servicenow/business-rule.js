// Business rule "VetSync push": table u_patient_record (and the others that are synchronised), When: async,
// Insert + Update + Delete, Advanced. Tells VetSync which record to look at; nothing of the record travels.
(function executeRule(current, previous /* null when async */) {
    var url = gs.getProperty('x_vetsync.webhook_url');
    var key = gs.getProperty('x_vetsync.webhook_key'); // base64, without whsec_
    if (!url || !key) {
        return;
    }
    var operation = current.operation() || 'update';
    var body = JSON.stringify({
        table: current.getTableName(),
        sys_id: current.getUniqueValue(),
        operation: String(operation),
        sys_mod_count: current.getValue('sys_mod_count')
    });
    // The id of a message is the same however often it is sent, and another one for every change.
    var id = ['sn', current.getUniqueValue(), operation, current.getValue('sys_mod_count')].join('-');
    var timestamp = String(Math.floor(new GlideDateTime().getNumericValue() / 1000));
    // Standard Webhooks: HMAC-SHA256 over id.timestamp.body, in base64.
    var signature = new CertificateEncryption().generateMac(key, 'HmacSHA256', id + '.' + timestamp + '.' + body);

    var message = new sn_ws.RESTMessageV2();
    message.setEndpoint(url);
    message.setHttpMethod('post');
    message.setHttpTimeout(10000);
    message.setRequestHeader('Content-Type', 'application/json');
    message.setRequestHeader('webhook-id', id);
    message.setRequestHeader('webhook-timestamp', timestamp);
    message.setRequestHeader('webhook-signature', 'v1,' + signature);
    message.setRequestBody(body);
    // message.setMIDServer('MID_SERVER_NAME'); // where the instance cannot reach VetSync by itself
    try {
        var status = message.execute().getStatusCode();
        if (status >= 300) {
            gs.warn('VetSync push answered ' + status + ' for ' + id);
        }
    } catch (error) {
        // The next comparison finds the change all the same.
        gs.warn('VetSync push failed for ' + id);
    }
})(current, previous);
